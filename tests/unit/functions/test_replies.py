"""Events to the client, and work that is tried again later."""

from datetime import timedelta

import pytest

from functions.bus_time import BusTime
from functions.contracts import Event, RunModel, utc_now
from functions.errors import Unavailable
from functions.replies import Replies
from tests.unit.functions.publishers import RecordingPublisher

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


@pytest.mark.parametrize("skew", [timedelta(hours=-3), timedelta(hours=3)])
async def test_retries_and_deadlines_are_by_the_time_of_the_bus(publisher: RecordingPublisher, skew: timedelta) -> None:
    """A host whose clock was behind spun; one whose clock was ahead gave everything up."""
    clock = BusTime(lambda: 0.0)
    clock.observe(NOW + skew)
    replies = Replies(publisher, clock)
    command = COMMAND.model_copy(update={"deadline": NOW + skew + timedelta(seconds=10)})
    assert not await replies.refuse_if_expired(command)
    await replies.retry_later("run-model", command, Unavailable("MLflow cannot be asked."))
    (published,) = publisher.published
    assert published.at == NOW + skew + timedelta(seconds=1)
