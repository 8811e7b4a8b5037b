from benchmarks.stages import REST, by_function, by_stage, frame_name, read_stacks

HOST = "_run (/work/x/local/host/__main__.py:62);Runner.run (/usr/lib/python3.11/asyncio/runners.py:118)"
SDK = "/home/x/.venv/lib/python3.11/site-packages/azure/servicebus/aio/_servicebus_sender_async.py"
LINES = [
    f"{HOST};_Outbox._send (/work/x/functions/bus.py:134);ServiceBusSender.send_messages ({SDK}:7) 30",
    f"{HOST};model_input (/work/x/functions/run_model/scoring.py:20);loads (orjson.py:1) 50",
    f"{HOST} 20",
    f"{HOST};Peer.receive_data (/x/local/broker/service/peer.py:9);decode (/x/local/broker/amqp/decode.py:4) 7",
]


def test_frames_lose_their_folders_and_lines() -> None:
    assert frame_name(f"send ({SDK}:7)") == "send (azure/servicebus/aio/_servicebus_sender_async.py)"
    assert frame_name("f (/usr/lib/python3.11/asyncio/runners.py:118)") == "f (asyncio/runners.py)"
    assert frame_name("g (/work/x/functions/bus.py:134)") == "g (functions/bus.py)"


def test_samples_go_to_the_innermost_stage_that_is_known() -> None:
    assert by_stage(read_stacks(LINES)) == {
        "publish": 30,
        "rows to model input": 50,
        "broker: read": 7,
        REST: 20,
    }


def test_samples_by_the_function_they_were_taken_in() -> None:
    assert by_function(read_stacks(LINES)).most_common(1) == [("loads (orjson.py)", 50)]
