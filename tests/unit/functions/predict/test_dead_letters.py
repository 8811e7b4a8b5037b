"""Every dead letter that names a client ends in an outcome of that client."""

from datetime import UTC, datetime

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage
from obstore.store import MemoryStore

from functions.contracts import Event, Operation, RunModel, StartTraining
from functions.errors import Unavailable
from functions.operations import Operations
from functions.predict.dead_letters import answer_dead_command, store_dead_event
from functions.predict.results import Results
from functions.queues import RESULTS
from tests.unit.functions.publishers import RecordingPublisher

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REASON = {"DeadLetterReason": "MaxDeliveryCountExceeded", "DeadLetterErrorDescription": "ten times"}


class DeadLetter(ServiceBusMessage):
    """What the host hands over: a body and the properties that a dead letter keeps."""

    def __init__(
        self,
        body: bytes,
        correlation_id: str | None = None,
        session: str | None = None,
        properties: dict[str, object] | None = None,
    ) -> None:
        self._body = body
        self._correlation_id = correlation_id
        self._session = session
        self._properties = properties or {}

    def get_body(self) -> bytes:
        return self._body

    @property
    def message_id(self) -> str:
        return "the message"

    @property
    def correlation_id(self) -> str | None:
        return self._correlation_id

    @property
    def reply_to_session_id(self) -> str | None:
        return self._session

    @property
    def session_id(self) -> str | None:
        return self._session

    @property
    def application_properties(self) -> dict[str, object]:
        return self._properties


def command(number: int) -> RunModel:
    return RunModel(
        operation=f"{number:032x}",
        reply_to_session="session",
        model_type="wine",
        parameters={"alpha": 0.5},
        key="b" * 64,
        created_at=NOW,
        deadline=NOW,
        expires_at=NOW,
    )


async def events_for(message: func.ServiceBusMessage) -> list[Event]:
    publisher = RecordingPublisher()
    await answer_dead_command(message, publisher)
    assert all(published.queue == RESULTS for published in publisher.published)
    return [published.message for published in publisher.published if isinstance(published.message, Event)]


@pytest.mark.parametrize("body", [command(1).to_json(), StartTraining(command=command(1)).to_json()])
async def test_a_dead_command_ends_in_an_error_that_says_why(body: bytes) -> None:
    (event,) = await events_for(DeadLetter(body, properties=dict(REASON)))
    assert (event.phase, event.reply_to_session) == ("outcome", "session")
    assert (event.operation.operation_id, event.operation.status) == (command(1).operation, "error")
    assert event.operation.model_parameters == {"alpha": 0.5}
    assert event.operation.error is not None
    assert event.operation.error.detail == "The request was given up: MaxDeliveryCountExceeded: ten times."


async def test_each_command_of_a_shared_message_gets_its_outcome() -> None:
    body = b"[" + command(1).to_json() + b"," + command(2).to_json() + b"]"
    events = await events_for(DeadLetter(body))
    assert [event.operation.operation_id for event in events] == [command(1).operation, command(2).operation]
    assert events[0].operation.error is not None
    assert events[0].operation.error.detail == "The request was given up: it could not be processed."


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (DeadLetter(b"not JSON", correlation_id="a" * 32, session="session"), ["a" * 32]),
        (DeadLetter(b'{"schemaVersion":2}', correlation_id="a" * 32, session="session"), ["a" * 32]),
        (
            DeadLetter(b"{}", session="session", properties={"operations": f"{'a' * 32},{'b' * 32}"}),
            ["a" * 32, "b" * 32],
        ),
        (DeadLetter(b"not JSON", correlation_id="a" * 32), []),
        (DeadLetter(b"not JSON", session="session"), []),
        (DeadLetter(b"not JSON", correlation_id="../x", session="session"), []),
        (DeadLetter(b"{}", session="session", properties={"operations": f"../x,{'b' * 32},"}), ["b" * 32]),
    ],
)
async def test_properties_name_the_clients_of_an_unreadable_body(message: DeadLetter, named: list[str]) -> None:
    events = await events_for(message)
    assert [event.operation.operation_id for event in events] == named
    assert {event.reply_to_session for event in events} <= {"session"}


async def test_a_dead_command_is_kept_while_the_bus_is_down() -> None:
    with pytest.raises(Unavailable):
        await answer_dead_command(DeadLetter(command(1).to_json()), RecordingPublisher(available=False))


async def test_a_dead_event_is_stored_and_an_unreadable_one_dropped() -> None:
    operations = Operations(MemoryStore())
    results = Results(operations, RecordingPublisher(), max_waiting=1)
    completed = Operation(operation_id="a" * 32, status="completed", result=[5.6])
    await store_dead_event(DeadLetter(b"not JSON"), results)
    await store_dead_event(
        DeadLetter(Event(phase="outcome", operation=completed, reply_to_session="gone").to_json()), results
    )
    assert await operations.read("a" * 32) == completed


async def test_dead_event_that_cannot_be_read_ends_its_operation_in_an_error() -> None:
    operations = Operations(MemoryStore())
    results = Results(operations, RecordingPublisher(), max_waiting=1)
    newer = b'{"schemaVersion": 2, "kind": "Event"}'
    await store_dead_event(DeadLetter(newer, correlation_id="a" * 32, session="gone", properties=dict(REASON)), results)
    stored = await operations.read("a" * 32)
    assert stored is not None
    assert stored.error is not None
    assert (stored.status, stored.error.type) == ("error", "urn:mlflow-ondemand:problem:dead-lettered")
