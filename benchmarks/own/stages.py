"""To which stage of a request's way a sampled stack belongs. The innermost frame that a rule knows decides."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

Stacks = Counter[tuple[str, ...]]
"""Samples by stack; frames are named by `frame_name`, outermost first."""
REST = "event loop and the rest"

RULES: Sequence[tuple[str, str]] = (
    # the stage, and a pattern for "function (file)"
    ("parse and check the request", r"\(functions/(predict/request|parameters)\.py\)"),
    (
        "build the message",
        r"^(encode|pack|SharedMessage\.\w+|Publication\.\w+) \(functions/outbox|^PredictService\._command",
    ),
    ("write JSON", r"^(Document|Operation|Event|RunModel)\.to_json"),
    ("read JSON", r"^(run_models_in|events_in|commands_in) "),
    ("publish", r"^(Outbox\.|_send_in_batches|_send_batch|_fits|ServiceBusSender|ServiceBusMessageBatch)"),
    ("settle", r"(complete_message|abandon_message|_settle_message\w*|_settle_finished)"),
    ("receive", r"(receive_messages|_receive) \((azure/servicebus|functions|ondemand)/"),
    ("receive", r"^(Inbox\._receive|MessagePump\._receive)"),
    ("hand over the reply", r"^(Inbox\._handed_over|Results\.\w+|Waiter\.\w+)"),
    ("message to function argument", r"^(to_trigger_input \(ondemand/host/servicebus|ServiceBusMessageInConverter)"),
    ("predict", r"^(Scorer\.(score|_predict)|PyFuncModel\.\w+|Merger\.(_answer\w*|_score)) "),
    ("result to JSON", r"^Scorer\.encode|\(functions/run_model/(json_values/|row_results\.py)"),
    ("rows to model input", r"\(functions/run_model/(records\.py|rows/)"),
    ("check that rows are independent", r"\(functions/run_model/(independence|examples)\.py\)"),
    ("load the model", r"\(functions/run_model/loading\.py\)"),
    ("merge", r"^Merger\.\w+ \("),
    ("look up the model", r"^(KnownModels\.\w+|SharedCalls\.\w+|ModelCache\.\w+)"),
    ("answer", r"^(RunModelService\._answer|Replies\.\w+|RunModel\.operation_document)"),
    ("handler", r"^(RunModelService\.\w+|PredictService\.\w+|run_model|predict) \(functions/"),
    ("response", r"^(_operation|to_response|HttpResponseConverter\.\w+)"),
    ("HTTP server", r"\((uvicorn|starlette|h11|httptools|ondemand/host/http)"),
    ("pump", r"^(MessagePump|Listener)\.\w+"),
    ("keep-alive of the SDK", r"keep_alive"),
    ("threads", r"\(concurrent/futures/thread\.py\)"),
    ("broker: read", r"^(ClientProtocol\.data_received|Peer\.receive_data)"),
    ("broker: hand out", r"^Broker\.dispatch"),
    ("broker: journal", r"\(servicebus_broker/journal/"),
    ("broker: write", r"^(ClientProtocol\.write|Connection\.data_to_send)"),
    ("broker: timers", r"^(Broker\.next_due|Server\._set_timer|Server\._on_timer|Broker\.advance)"),
)
_COMPILED = [(stage, re.compile(pattern)) for stage, pattern in RULES]
_PLACE = re.compile(
    r"\((?:\S*?/site-packages/|\S*?/lib/python3\.\d+/|\S*?/(?=(?:functions|ondemand|servicebus_broker)/))?"
    r"([^:)]+)(?::\d+)?\)$"
)


def frame_name(frame: str) -> str:
    """``function (file)`` without line and without the folders that hold packages and project."""
    return _PLACE.sub(r"(\1)", frame)


def stage_of(frames: Sequence[str]) -> str:
    """The stage of a stack, whose frames are named by `frame_name`, outermost first."""
    for frame in reversed(frames):
        for stage, pattern in _COMPILED:
            if pattern.search(frame):
                return stage
    return REST


def read_stacks(lines: Iterable[str]) -> Stacks:
    """The stacks of py-spy's raw format: frames joined by semicolons, a space, the number of samples."""
    stacks: Stacks = Counter()
    for line in lines:
        stack, _, samples = line.rstrip().rpartition(" ")
        stacks[tuple(frame_name(frame) for frame in stack.split(";"))] += int(samples)
    return stacks


def by_stage(stacks: Stacks) -> Counter[str]:
    """Samples by stage."""
    stages: Counter[str] = Counter()
    for frames, samples in stacks.items():
        stages[stage_of(frames)] += samples
    return stages


def in_functions(stacks: Stacks) -> int:
    """Samples in the functions and whatever they call: what remains of the cost where the host is another one."""
    return sum(samples for frames, samples in stacks.items() if any("(functions/" in frame for frame in frames))


def by_function(stacks: Stacks) -> Counter[str]:
    """Samples by the function in which they were taken."""
    functions: Counter[str] = Counter()
    for frames, samples in stacks.items():
        functions[frames[-1]] += samples
    return functions
