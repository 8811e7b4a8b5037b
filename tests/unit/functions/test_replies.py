"""Events to the client, and work that is tried again later."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from functions.bus_time import BusTime
from functions.contracts import Event, RunModel, utc_now
from functions.errors import Unavailable
from functions.replies import Replies
from functions.telemetry.names import OPERATIONS, RETRIES
from tests.unit.functions.publishers import RecordingPublisher
from tests.unit.functions.recording import Recording, id_of

NOW = utc_now()
COMMAND = RunModel(
    operation="a" * 32,
    reply_to_session="session",
    model_type="wine",
    parameters={},
    key="b" * 64,
    created_at=NOW,
    deadline=NOW + timedelta(hours=1),
    expires_at=NOW + timedelta(hours=1),
)


@pytest.fixture
def publisher() -> RecordingPublisher:
    return RecordingPublisher()


@pytest.fixture
def replies(publisher: RecordingPublisher) -> Replies:
    return Replies(publisher)


def event_of(publisher: RecordingPublisher) -> Event:
    (published,) = publisher.published
    assert isinstance(published.message, Event)
    assert (published.queue, published.may_share) == ("results", True)
    return published.message


async def test_an_outcome_that_fits_is_published(replies: Replies, publisher: RecordingPublisher) -> None:
    outcome = COMMAND.operation_document("completed", result=[5.6])
    assert await replies.outcome(COMMAND, outcome)
    assert event_of(publisher) == Event(phase="outcome", operation=outcome, reply_to_session="session")


async def test_one_that_is_too_large_is_announced_once_stored(replies: Replies, publisher: RecordingPublisher) -> None:
    outcome = COMMAND.operation_document("completed", result="x" * publisher.max_message_bytes)
    assert not await replies.outcome(COMMAND, outcome)
    assert publisher.published == []
    await replies.stored_outcome(COMMAND, outcome)
    event = event_of(publisher)
    assert (event.phase, event.result_stored, event.operation.result) == ("outcome", True, None)


async def test_an_outage_that_outlasts_the_deadline_is_the_outcome(
    replies: Replies, publisher: RecordingPublisher
) -> None:
    late = COMMAND.model_copy(update={"deadline": utc_now() + timedelta(seconds=0.5)})
    await replies.retry_later("run-model", late, Unavailable("MLflow cannot be asked."))
    error = event_of(publisher).operation.error
    assert error is not None
    assert error.detail == "MLflow cannot be asked."


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize("skew", [timedelta(hours=-3), timedelta(minutes=30)], ids=["behind", "ahead"])
async def test_retries_are_by_the_time_of_the_bus(publisher: RecordingPublisher, skew: timedelta) -> None:
    """A host whose clock was behind spun; the retries of one that was ahead waited as much too long."""
    time = BusTime(lambda: 0.0, Clock(NOW + skew))
    time.observe(NOW)
    replies = Replies(publisher, time)
    assert not await replies.refuse_if_expired(COMMAND)
    await replies.retry_later("run-model", COMMAND, Unavailable("MLflow cannot be asked."))
    (published,) = publisher.published
    assert published.at == NOW + timedelta(seconds=1)


async def test_host_behind_gives_up_by_the_time_of_the_bus(publisher: RecordingPublisher) -> None:
    time = BusTime(lambda: 0.0, Clock(NOW - timedelta(hours=3)))
    time.observe(COMMAND.deadline)
    assert await Replies(publisher, time).refuse_if_expired(COMMAND)


async def test_command_that_waited_beyond_its_deadline_is_given_up(publisher: RecordingPublisher) -> None:
    """After an outage each message is as old as the backlog: by the bus alone none was ever late, and all were run."""
    time = BusTime(lambda: 0.0, Clock(COMMAND.deadline + timedelta(minutes=1)))
    time.observe(NOW)
    assert await Replies(publisher, time).refuse_if_expired(COMMAND)
    error = event_of(publisher).operation.error
    assert error is not None
    assert error.type.endswith("deadline-exceeded")


async def test_outcome_is_counted_and_carries_the_trace_of_its_message(
    replies: Replies, publisher: RecordingPublisher, recorded: Recording
) -> None:
    await replies.outcome(COMMAND, COMMAND.operation_document("completed"))
    assert id_of(recorded.span("send results")) in str(event_of(publisher).traceparent)
    assert recorded.labels(OPERATIONS) == [{"ondemand.model.type": "wine", "ondemand.outcome": "completed"}]


async def test_outcome_that_the_bus_did_not_take_is_not_counted(
    replies: Replies, publisher: RecordingPublisher, recorded: Recording
) -> None:
    """Its message is delivered again, and then counts."""
    publisher.available = False
    with pytest.raises(Unavailable):
        await replies.outcome(COMMAND, COMMAND.operation_document("completed"))
    assert recorded.values(OPERATIONS) == []


async def test_progress_is_no_outcome(replies: Replies, recorded: Recording) -> None:
    await replies.progress(COMMAND, "loading:0", COMMAND.operation_document("running"))
    assert recorded.values(OPERATIONS) == []


async def test_retry_is_counted_and_stays_in_its_trace(
    replies: Replies, publisher: RecordingPublisher, recorded: Recording
) -> None:
    traced = COMMAND.traced("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    await replies.retry_later("run-model", traced, Unavailable("MLflow cannot be asked."))
    (published,) = publisher.published
    assert isinstance(published.message, RunModel)
    assert published.message.traceparent == traced.traceparent
    assert recorded.values(RETRIES) == [({"messaging.destination.name": "run-model"}, 1)]
