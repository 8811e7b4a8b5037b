"""Every dead letter that names a client ends in an outcome of that client, and its original is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage
from obstore.store import MemoryStore

from functions.contracts import AnyMessage, Event, Operation, RunModel, StartTraining
from functions.errors import RequestTooLarge, Unavailable
from functions.operations import Operations
from functions.predict.dead_letters import DeadLetters
from functions.predict.results import Results
from functions.queues import RESULTS, TRAIN
from functions.telemetry.names import DEAD_LETTERS, OPERATIONS
from tests.unit.functions.publishers import RecordingPublisher
from tests.unit.functions.recording import Recording

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


@dataclass
class RecordingKeeper:
    """Implements `Keeper`."""

    available: bool = True
    kept: list[tuple[bytes, str, list[str]]] = field(default_factory=list)

    async def keep(self, message: func.ServiceBusMessage, queue: str, operations: Sequence[str]) -> None:
        if not self.available:
            raise Unavailable("The message bus cannot be reached; try again in a moment.")
        self.kept.append((message.get_body(), queue, list(operations)))


class Desk:
    """The dead letters' functions, and what they publish, store and keep."""

    def __init__(self) -> None:
        self.publisher = RecordingPublisher()
        self.keeper = RecordingKeeper()
        self.operations = Operations(MemoryStore())
        self.pauses: list[float] = []
        self.results = Results(self.operations, self.publisher, max_waiting=1)
        self.dead_letters = DeadLetters(self.publisher, self.results, self.keeper, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def published(self) -> list[Event]:
        assert all(published.queue == RESULTS for published in self.publisher.published)
        return [each.message for each in self.publisher.published if isinstance(each.message, Event)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("body", [command(1).to_json(), StartTraining(command=command(1)).to_json()])
async def test_a_dead_command_ends_in_an_error_that_says_why(desk: Desk, body: bytes) -> None:
    await desk.dead_letters.command(DeadLetter(body, properties=dict(REASON)), TRAIN)
    (event,) = desk.published()
    assert (event.phase, event.reply_to_session) == ("outcome", "session")
    assert (event.operation.operation_id, event.operation.status) == (command(1).operation, "error")
    assert event.operation.model_parameters == {"alpha": 0.5}
    assert event.operation.error is not None
    assert event.operation.error.detail == "The request was given up: MaxDeliveryCountExceeded: ten times."
    assert desk.keeper.kept == [(body, TRAIN, [command(1).operation])]


async def test_outcome_of_a_dead_command_stays_in_its_trace(desk: Desk) -> None:
    traced = command(1).traced("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    await desk.dead_letters.command(DeadLetter(traced.to_json()), TRAIN)
    (event,) = desk.published()
    assert event.traceparent == traced.traceparent


async def test_each_command_of_a_shared_message_gets_its_outcome(desk: Desk) -> None:
    body = b"[" + command(1).to_json() + b"," + command(2).to_json() + b"]"
    await desk.dead_letters.command(DeadLetter(body), TRAIN)
    events = desk.published()
    assert [event.operation.operation_id for event in events] == [command(1).operation, command(2).operation]
    assert events[0].operation.error is not None
    assert events[0].operation.error.detail == "The request was given up: it could not be processed."
    assert desk.keeper.kept == [(body, TRAIN, [command(1).operation, command(2).operation])]


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
        (DeadLetter(b"[" * 100_000, correlation_id="../x", session="session"), []),
        (DeadLetter(b"{}", session="session", properties={"operations": f"../x,{'b' * 32},"}), ["b" * 32]),
        (DeadLetter(b"{}", session="session", properties={"operations": {"a": [None]}, "DeadLetterReason": 7}), []),
    ],
)
async def test_properties_name_the_clients_of_an_unreadable_body(
    desk: Desk, message: DeadLetter, named: list[str]
) -> None:
    await desk.dead_letters.command(message, TRAIN)
    events = desk.published()
    assert [event.operation.operation_id for event in events] == named
    assert {event.reply_to_session for event in events} <= {"session"}
    assert [body for body, _, _ in desk.keeper.kept] == [message.get_body()]


async def test_log_has_a_line_for_each_message_that_is_kept(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await desk.dead_letters.command(DeadLetter(b"not JSON", properties=dict(REASON)), TRAIN)
    await desk.dead_letters.event(DeadLetter(b"not JSON"))
    kept = [each for each in caplog.messages if "is kept" in each]
    assert kept == [
        "dead letter 'the message' of train is kept in the queue failed: MaxDeliveryCountExceeded: ten times",
        "dead letter 'the message' of results is kept in the queue failed: no reason is given",
    ]


async def test_failures_of_the_bus_raise_after_a_pause_that_grows(desk: Desk) -> None:
    desk.publisher.available = False
    for _ in range(3):
        with pytest.raises(Unavailable):
            await desk.dead_letters.command(DeadLetter(command(1).to_json()), TRAIN)
    assert (desk.pauses, desk.keeper.kept) == ([1, 2, 4], [])
    desk.publisher.available = True
    await desk.dead_letters.command(DeadLetter(command(1).to_json()), TRAIN)
    desk.keeper.available = False
    with pytest.raises(Unavailable):
        await desk.dead_letters.command(DeadLetter(command(2).to_json()), TRAIN)
    assert desk.pauses == [1, 2, 4, 1]


async def test_outcome_that_the_bus_refuses_does_not_bring_the_dead_letter_back(desk: Desk) -> None:
    class Refusing(RecordingPublisher):
        async def publish(self, queue: str, message: AnyMessage, *args: object, **options: object) -> None:
            raise RequestTooLarge("too large")

    dead_letters = DeadLetters(Refusing(), desk.results, desk.keeper)
    await dead_letters.command(DeadLetter(command(1).to_json()), TRAIN)
    assert [operations for _, _, operations in desk.keeper.kept] == [[command(1).operation]]


async def test_a_dead_event_is_stored_and_only_an_unreadable_one_is_kept(desk: Desk) -> None:
    completed = Operation(operation_id="a" * 32, status="completed", result=[5.6])
    await desk.dead_letters.event(DeadLetter(b"not JSON"))
    await desk.dead_letters.event(
        DeadLetter(Event(phase="outcome", operation=completed, reply_to_session="gone").to_json())
    )
    assert await desk.operations.read("a" * 32) == completed
    assert desk.keeper.kept == [(b"not JSON", RESULTS, [])]


async def test_dead_event_that_cannot_be_read_ends_its_operation_in_an_error(desk: Desk) -> None:
    newer = b'{"schemaVersion": 2, "kind": "Event"}'
    message = DeadLetter(newer, correlation_id="a" * 32, session="gone", properties=dict(REASON))
    await desk.dead_letters.event(message)
    stored = await desk.operations.read("a" * 32)
    assert stored is not None
    assert stored.error is not None
    assert (stored.status, stored.error.type) == ("error", "urn:mlflow-ondemand:problem:dead-lettered")
    assert desk.keeper.kept == [(newer, RESULTS, ["a" * 32])]


async def test_dead_letter_and_its_outcomes_are_counted(desk: Desk, recorded: Recording) -> None:
    body = b"[" + command(1).to_json() + b"," + command(2).to_json() + b"]"
    await desk.dead_letters.command(DeadLetter(body), TRAIN)
    assert recorded.values(DEAD_LETTERS) == [({"messaging.destination.name": "train"}, 1)]
    ((labels, number),) = recorded.values(OPERATIONS)
    assert (labels["ondemand.outcome"], number) == ("dead-lettered", 2)
