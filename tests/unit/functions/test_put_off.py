"""A message of an unknown schema version goes back to its queue, later and later, until its deadline."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from functions.bus_time import bus_time
from functions.contracts import UnknownVersion, Unread
from functions.put_off import put_off
from functions.telemetry.names import RETRIES
from tests.unit.functions.publishers import RecordingPublisher
from tests.unit.functions.recording import Recording

REASON = UnknownVersion("its schema version is 2, known is 1")


@dataclass(frozen=True)
class Message:
    message_id: Any = "op:1"
    subject: str | None = "RunModel"
    correlation_id: Any = "op"
    session_id: str | None = None
    reply_to_session_id: str | None = "session"
    application_properties: Mapping[Any, Any] | None = field(default_factory=lambda: {b"traceparent": b"00-1"})


def again(publisher: RecordingPublisher) -> Unread:
    message = publisher.published[-1].message
    assert isinstance(message, Unread)
    return message


def received(unread: Unread) -> Message:
    return Message(unread.message_id, application_properties=unread.properties)


def body(deadline_in_s: float | None) -> bytes:
    deadline = None if deadline_in_s is None else bus_time.now() + timedelta(seconds=deadline_in_s)
    return orjson.dumps({"schemaVersion": 2, "command": {"deadline": deadline}})


@pytest.fixture
def publisher() -> RecordingPublisher:
    return RecordingPublisher()


async def test_it_goes_back_as_it_was(publisher: RecordingPublisher) -> None:
    assert await put_off(publisher, "train", Message(), body(600), REASON)
    (published,) = publisher.published
    message = again(publisher)
    assert (published.queue, message.kind, message.correlation_id) == ("train", "RunModel", "op")
    assert (message.session_id, message.reply_to_session_id) == (None, "session")
    assert orjson.loads(message.to_json())["schemaVersion"] == 2
    assert message.properties["traceparent"] == "00-1"


async def test_the_delay_grows_and_every_attempt_has_an_id_of_its_own(publisher: RecordingPublisher) -> None:
    message, delays, rows = Message(), [], body(600)
    for _ in range(8):
        before = bus_time.now()
        assert await put_off(publisher, "train", message, rows, REASON)
        at = publisher.published[-1].at
        assert at is not None
        delays.append(round((at - before).total_seconds()))
        message = received(again(publisher))
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len({published.message.message_id for published in publisher.published}) == 8
    assert message.message_id == "op:1:later:8"


@pytest.mark.parametrize("left_s", [-60, 0.5])
async def test_it_is_given_up_at_its_deadline(publisher: RecordingPublisher, left_s: float) -> None:
    assert not await put_off(publisher, "train", Message(), body(left_s), REASON)
    assert publisher.published == []


async def test_latest_deadline_of_a_shared_message_counts(publisher: RecordingPublisher) -> None:
    commands = [{"deadline": bus_time.now() + timedelta(seconds=seconds)} for seconds in (-5, 600, 0.1)]
    assert await put_off(publisher, "run-model", Message(), orjson.dumps(commands), REASON)


@pytest.mark.parametrize(
    ("content", "hours"),
    [
        ({"deadline": None}, 1),
        ({"deadline": "soon"}, 1),
        ({"deadline": 5, "command": 7}, 1),
        ([7, {}], 1),
        ({"deadline": "9999-01-01T00:00:00Z"}, 25),
    ],
)
async def test_it_is_given_up_some_time_whatever_its_deadline(
    publisher: RecordingPublisher, content: object, hours: int
) -> None:
    before = bus_time.now()
    assert await put_off(publisher, "train", Message(), orjson.dumps(content), REASON)
    give_up_at = again(publisher).properties["giveUpAt"]
    assert (
        (before + timedelta(hours=hours)).isoformat()
        <= give_up_at
        <= (bus_time.now() + timedelta(hours=hours)).isoformat()
    )
    over = replace(
        received(again(publisher)), application_properties={"giveUpAt": bus_time.now().isoformat(), "attempt": "3"}
    )
    assert not await put_off(publisher, "train", over, orjson.dumps(content), REASON)


async def test_properties_that_others_wrote_do_no_harm(publisher: RecordingPublisher) -> None:
    forged = Message("x" * 128, application_properties={"attempt": "9" * 400, "giveUpAt": 7})
    assert await put_off(publisher, "train", forged, body(600), REASON)
    assert len(again(publisher).message_id) < 128


@pytest.mark.parametrize("ids", [(None, None), ("x" * 127 + "1", "x" * 127 + "2")], ids=["none", "long"])
async def test_ids_of_two_messages_do_not_meet(
    publisher: RecordingPublisher, ids: tuple[str | None, str | None]
) -> None:
    """Duplicate detection would drop the second message. A message of another client may have no id at all."""
    for message_id, left_s in zip(ids, (600, 700), strict=True):
        first, rows = Message(message_id), body(left_s)
        assert await put_off(publisher, "train", first, rows, REASON)
        assert await put_off(publisher, "train", received(again(publisher)), rows, REASON)
    message_ids = [published.message.message_id for published in publisher.published]
    assert len(set(message_ids)) == 4
    assert message_ids[1] == message_ids[0].removesuffix("1") + "2"
    assert all(len(message_id) <= 128 for message_id in message_ids)


@pytest.mark.parametrize("identity", [uuid.UUID(int=1), 12345, b"\xff\xfe", None])
async def test_ids_of_every_type_of_amqp_go_back_as_text(publisher: RecordingPublisher, identity: object) -> None:
    """A UUID ended the session of the inbox, with all that waited there."""
    message = Message(message_id=identity, correlation_id=identity, reply_to_session_id="x" * 129)
    assert await put_off(publisher, "results", message, body(600), REASON)
    unread = again(publisher)
    assert unread.message_id.endswith(":later:1")
    assert unread.correlation_id is None or unread.correlation_id == str(identity) or identity == b"\xff\xfe"
    assert unread.reply_to_session_id is None, "the SDK refuses it"


async def test_it_is_counted(publisher: RecordingPublisher, recorded: Recording) -> None:
    await put_off(publisher, "train", Message(), body(600), REASON)
    assert recorded.values(RETRIES) == [({"messaging.destination.name": "train"}, 1)]
