import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from functions import telemetry
from functions.contracts import Event, RunModel, utc_now
from functions.errors import TrainingFailed
from functions.telemetry import names
from tests.unit.functions.recording import Recording, id_of, links_of, parent_of, trace_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SAMPLED_OUT = f"00-{TRACE}-00f067aa0ba902b7-00"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Message:
    enqueued_time_utc: datetime | None = None


@dataclass
class Asked:
    size: int
    step: object


@dataclass
class Run:
    databricks_run_id: int = 7
    started_at: datetime | None = NOW
    ended_at: datetime | None = NOW + timedelta(minutes=3)
    succeeded: bool | None = True
    code: str = "SUCCESS"


def command(traceparent: str | None = TRACEPARENT, model_type: str = "wine") -> RunModel:
    return RunModel(
        operation="a" * 32,
        reply_to_session="session",
        model_type=model_type,
        parameters={},
        key="k",
        created_at=NOW,
        deadline=NOW,
        expires_at=NOW,
        traceparent=traceparent,
    )


def test_command_is_handled_in_the_trace_of_its_request(recorded: Recording) -> None:
    with telemetry.active.command("run-model", command()), telemetry.active.sending("results") as sending:
        pass
    process, send = recorded.span("process run-model"), recorded.span("send results")
    assert trace_of(process) == TRACE
    assert (process.kind, parent_of(process)) == (SpanKind.CONSUMER, "00f067aa0ba902b7")
    assert (send.kind, parent_of(send)) == (SpanKind.PRODUCER, id_of(process))
    assert sending.traceparent == f"00-{TRACE}-{id_of(send)}-01"
    assert dict(process.attributes or {}) == {
        "messaging.destination.name": "run-model",
        "ondemand.operation.id": "a" * 32,
        "ondemand.model.type": "wine",
    }


@pytest.mark.parametrize("traceparent", [None, "", "00-not-a-trace", f"ff-{TRACE}-00f067aa0ba902b7-01"])
def test_message_without_a_trace_context_begins_a_trace(recorded: Recording, traceparent: str | None) -> None:
    with telemetry.active.command("run-model", command(traceparent)):
        pass
    assert parent_of(recorded.span("process run-model")) == ""


def test_messages_model_type_is_no_label_unless_the_catalog_has_it(recorded: Recording) -> None:
    telemetry.active.count(names.CACHE, "a" * 1000, "hit")
    assert recorded.labels(names.CACHE) == [{"ondemand.model.type": "other", "ondemand.cache.result": "hit"}]


def test_commands_of_one_message_are_linked_to_it(recorded: Recording) -> None:
    commands = [command(), command(f"00-{TRACE}-00f067aa0ba902b8-01")]
    with telemetry.active.received("run-model", Message(), commands):
        for each in commands:
            with telemetry.active.command("run-model", each):
                pass
    shared = recorded.span("receive run-model")
    assert links_of(shared) == {"00f067aa0ba902b7", "00f067aa0ba902b8"}
    assert parent_of(shared) == ""
    processed = [span for span in recorded.spans if span.name == "process run-model"]
    assert [links_of(span) for span in processed] == [{id_of(shared)}] * 2


async def test_what_a_background_task_handles_is_not_linked_to_the_request_that_began_the_task(
    recorded: Recording,
) -> None:
    async def receive() -> None:
        with telemetry.active.command("run-model", command()):
            pass

    with telemetry.active.request("POST", "/predict", {}):
        await asyncio.create_task(receive())
    assert links_of(recorded.span("process run-model")) == set()


def test_message_of_one_command_has_no_span_of_its_own(recorded: Recording) -> None:
    with telemetry.active.received("run-model", Message(), [command()]):
        pass
    assert recorded.spans == []


def test_queue_time_and_time_from_zero_are_measured(recorded: Recording) -> None:
    before = datetime.now(UTC) - timedelta(seconds=100)
    for message in (Message(before), Message(before), Message(utc_now() + timedelta(hours=1)), Message()):
        telemetry.active.received("train", message, ())
    labels = {"messaging.destination.name": "train"}
    ((first_labels, waited),) = recorded.values(names.FROM_ZERO)
    assert (first_labels, round(waited, -1)) == (labels, 100)
    ((all_labels, waited),) = recorded.values(names.QUEUE_TIME)
    assert (all_labels, round(waited, -1)) == (labels, 200)


def test_message_that_came_after_the_start_is_not_from_zero(recorded: Recording) -> None:
    naive = (utc_now() + timedelta(seconds=1)).replace(tzinfo=None)
    telemetry.active.received("train", Message(naive), ())
    telemetry.active.received("train", Message(utc_now() - timedelta(hours=1)), ())
    assert recorded.values(names.FROM_ZERO) == []


def call_of(*commands: RunModel) -> None:
    """One call for a request of 1 row, one of 2 rows, and so on, which all wait for it."""
    with ExitStack() as waiting:
        asked = []
        for rows, each in enumerate(commands, 1):
            waiting.enter_context(telemetry.active.command("run-model", each))
            asked.append(Asked(rows, telemetry.active.current()))
        with telemetry.active.call(asked):
            pass


def test_call_belongs_to_the_first_request_and_is_linked_with_the_others(recorded: Recording) -> None:
    call_of(command(), command(), command())
    call = recorded.span("call")
    third, second, first = (span for span in recorded.spans if span.name == "process run-model")
    assert parent_of(call) == id_of(first)
    assert links_of(call) == {id_of(second), id_of(third)}
    assert id_of(call) in links_of(second)
    assert id_of(call) in links_of(third)
    assert recorded.values(names.CALL_REQUESTS) == [({}, 3)]
    assert recorded.values(names.CALL_ROWS) == [({}, 6)]


def test_call_is_in_the_trace_of_a_request_that_is_sampled(recorded: Recording) -> None:
    call_of(command(SAMPLED_OUT), command())
    (sampled,) = (span for span in recorded.spans if span.name == "process run-model")
    assert parent_of(recorded.span("call")) == id_of(sampled)


def test_call_for_requests_that_are_not_sampled_is_not_either(recorded: Recording) -> None:
    call_of(command(SAMPLED_OUT), command(SAMPLED_OUT))
    assert recorded.spans == []


def test_call_whose_requests_were_given_up_begins_no_trace(
    recorded: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    with telemetry.active.command("run-model", command()):
        asked = [Asked(1, telemetry.active.current())] * 2
    with telemetry.active.call(asked):
        pass
    assert parent_of(recorded.span("call")) == id_of(recorded.span("process run-model"))
    assert caplog.messages == []


async def test_shared_call_counts_once_and_who_joins_it_is_linked(recorded: Recording) -> None:
    go = asyncio.Event()
    shared = asyncio.create_task(go.wait())
    with telemetry.active.step("load", "wine"):
        telemetry.active.began(shared)
    with telemetry.active.step("load", "wine"):
        telemetry.active.joined(shared)
    go.set()
    await shared
    first, second = recorded.spans
    assert links_of(second) == {id_of(first)}
    ((labels, _),) = recorded.values(names.LOADS)
    assert labels == {"ondemand.model.type": "wine", "ondemand.outcome": "ok"}


async def test_joining_after_the_end_of_the_step_is_no_trouble(
    recorded: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    go = asyncio.Event()
    shared = asyncio.create_task(go.wait())
    with telemetry.active.step("load", "wine"):
        telemetry.active.began(shared)
        late = asyncio.create_task(_join(shared))
    go.set()
    await late
    assert caplog.messages == []


async def _join(shared: "asyncio.Task[bool]") -> None:
    await shared
    telemetry.active.joined(shared)


def test_training_is_a_span_of_its_own_time(recorded: Recording) -> None:
    telemetry.active.trained(command(), Run())
    training = recorded.span("training")
    assert training.start_time is not None
    assert training.end_time is not None
    assert training.end_time - training.start_time == 180 * 10**9
    assert parent_of(training) == "00f067aa0ba902b7"


def test_failed_training_is_an_error(recorded: Recording) -> None:
    telemetry.active.trained(command(), Run(succeeded=False, code="RUN_EXECUTION_ERROR"))
    training = recorded.span("training")
    assert training.status.status_code is StatusCode.ERROR
    assert (training.attributes or {})["error.type"] == "RUN_EXECUTION_ERROR"


def test_training_that_never_started_has_no_span(recorded: Recording) -> None:
    telemetry.active.trained(command(), Run(started_at=None))
    assert recorded.spans == []


def test_trainings_are_measured_by_outcome(recorded: Recording) -> None:
    telemetry.active.training_ended("wine", "", 12.0)
    telemetry.active.training_ended("wine", "CLUSTER_ERROR", 1.0)
    assert recorded.values(names.TRAININGS) == [
        ({"ondemand.model.type": "wine", "ondemand.outcome": "ok"}, 12.0),
        ({"ondemand.model.type": "wine", "ondemand.outcome": "CLUSTER_ERROR"}, 1.0),
    ]


def test_outcome_is_counted_and_noted_at_the_command(recorded: Recording) -> None:
    failed = command().operation_document("error", error=TrainingFailed("no").problem())
    with telemetry.active.command("train", command()):
        telemetry.active.finished(failed)
    telemetry.active.finished(command().operation_document("completed"))
    assert [labels["ondemand.outcome"] for labels in recorded.labels(names.OPERATIONS)] == [
        "training-failed",
        "completed",
    ]
    assert (recorded.span("process train").attributes or {})["ondemand.outcome"] == "training-failed"


def test_event_is_handled_in_the_trace_of_its_request(recorded: Recording) -> None:
    event = Event(
        phase="outcome",
        operation=command().operation_document("completed"),
        reply_to_session="session",
        traceparent=TRACEPARENT,
    )
    with telemetry.active.event("results", event):
        pass
    assert parent_of(recorded.span("process results")) == "00f067aa0ba902b7"
