import inspect
from collections.abc import Callable

import pytest
from servicebus_broker.client import ClientProtocol
from servicebus_broker.service.broker import Broker

from benchmarks.own.stages import REST, by_function, by_stage, frame_name, in_functions, read_stacks, stage_of
from functions import contracts
from functions.outbox import messages, sender
from functions.predict import request
from functions.predict.inbox import Inbox
from functions.predict.results import Waiter
from functions.replies import Replies
from functions.run_model import records, scoring
from functions.run_model.json_values import json_value
from functions.run_model.merging import Merger
from functions.run_model.rows import RowReader
from functions.run_model.service import RunModelService
from ondemand.host.servicebus.messages import to_trigger_input

HOST = "_run (/work/x/ondemand/host/__main__.py:62);Runner.run (/usr/lib/python3.11/asyncio/runners.py:118)"
SDK = "/home/x/.venv/lib/python3.11/site-packages/azure/servicebus/aio/_servicebus_sender_async.py"
BROKER = "/x/broker/servicebus_broker"
LINES = [
    f"{HOST};Outbox._send (/work/x/functions/outbox/sender.py:134);ServiceBusSender.send_messages ({SDK}:7) 30",
    f"{HOST};read (/work/x/functions/run_model/rows/reader.py:20);loads (orjson.py:1) 50",
    f"{HOST} 20",
    f"{HOST};Peer.receive_data ({BROKER}/service/peer.py:9);decode ({BROKER}/amqp/decode.py:4) 7",
]


def test_frames_lose_their_folders_and_lines() -> None:
    assert frame_name(f"send ({SDK}:7)") == "send (azure/servicebus/aio/_servicebus_sender_async.py)"
    assert frame_name("f (/usr/lib/python3.11/asyncio/runners.py:118)") == "f (asyncio/runners.py)"
    assert frame_name("g (/work/x/functions/bus.py:134)") == "g (functions/bus.py)"
    assert (
        frame_name("h (/x/lib/python3.13/site-packages/azure/functions/_http.py:1)") == "h (azure/functions/_http.py)"
    )


def test_functions_alone_are_told_from_host_and_broker() -> None:
    """What the SDK does for them is theirs."""
    assert in_functions(read_stacks(LINES)) == 80


def test_samples_go_to_the_innermost_stage_that_is_known() -> None:
    assert by_stage(read_stacks(LINES)) == {
        "publish": 30,
        "rows to model input": 50,
        "broker: read": 7,
        REST: 20,
    }


@pytest.mark.parametrize(
    ("function", "stage"),
    [
        (request.parse_body, "parse and check the request"),
        (messages.encode, "build the message"),
        (contracts.Operation.to_json, "write JSON"),
        (contracts.RunModel.to_json, "write JSON"),
        (contracts.run_models_in, "read JSON"),
        (sender.Outbox._send, "publish"),
        (Inbox._receive, "receive"),
        (Waiter.hand_over, "hand over the reply"),
        (RowReader.read, "rows to model input"),
        (records.mergeable, "rows to model input"),
        (scoring.Scorer.encode, "result to JSON"),
        (json_value, "result to JSON"),
        (scoring.Scorer.score, "predict"),
        (Merger._run, "merge"),
        (RunModelService.handle, "handler"),
        (Replies.outcome, "answer"),
        (to_trigger_input, "message to function argument"),
        (ClientProtocol.data_received, "broker: read"),
        (Broker.dispatch, "broker: hand out"),
    ],
)
def test_the_rules_know_the_functions_by_their_present_names(function: Callable[..., object], stage: str) -> None:
    assert stage_of([frame_name(f"{function.__qualname__} ({inspect.getsourcefile(function)}:1)")]) == stage


def test_samples_by_the_function_they_were_taken_in() -> None:
    assert by_function(read_stacks(LINES)).most_common(1) == [("loads (orjson.py)", 50)]
