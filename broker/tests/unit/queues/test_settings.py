"""Operations that the settings of a queue allow, and changes of settings."""

from dataclasses import replace

import pytest

from servicebus_broker.queues.errors import EntityDisabledError, InvalidOperationError
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import EntityStatus
from tests.unit.queues.conftest import (
    LOCK,
    START,
    FakeClock,
    Holder,
    MakeQueue,
    body,
    dead_letters,
    message,
    token,
)


@pytest.mark.parametrize(
    ("status", "sends", "receives"),
    [
        ("Active", True, True),
        ("Disabled", False, False),
        ("SendDisabled", False, True),
        ("ReceiveDisabled", True, False),
    ],
)
def test_status(make_queue: MakeQueue, status: str, sends: bool, receives: bool) -> None:
    queue = make_queue()
    queue.send([message("a")])
    queue.reconfigure(replace(queue.settings, status=EntityStatus(status)))
    if sends:
        queue.send([message("b")])
    else:
        with pytest.raises(EntityDisabledError, match="'queue' is currently disabled"):
            queue.send([message("b")])
    assert queue.has_ready == receives
    if receives:
        assert body(queue.receive()) == "a"
    else:
        for operation in (queue.check_can_receive, queue.receive):
            with pytest.raises(EntityDisabledError, match="'queue' is currently disabled"):
                operation()


def test_the_dead_letter_queue_has_its_queues_status(make_queue: MakeQueue) -> None:
    queue = make_queue(status=EntityStatus.RECEIVE_DISABLED)
    with pytest.raises(EntityDisabledError):
        dead_letters(queue).receive()


def test_session_of_a_disabled_queue_cannot_be_accepted(make_queue: MakeQueue) -> None:
    queue = make_queue(requires_session=True, status=EntityStatus.RECEIVE_DISABLED)
    queue.send([message("a", session="s")])
    with pytest.raises(EntityDisabledError):
        queue.accept_session(None, Holder())


def test_locked_messages_can_be_settled_when_the_queue_is_disabled(queue: Queue) -> None:
    queue.send([message("a")])
    lock = token(queue.receive())
    queue.reconfigure(replace(queue.settings, status=EntityStatus.DISABLED))
    queue.renew_lock(lock)
    queue.complete(lock)


def test_owner_is_told_of_changed_settings(make_queue: MakeQueue, clock: FakeClock) -> None:
    heard: list[Queue] = []
    settings = make_queue().settings
    queue = Queue(settings, clock, dead_letters=Queue(settings.for_dead_letters(), clock), on_ready=heard.append)
    queue.reconfigure(replace(settings, status=EntityStatus.DISABLED))
    assert heard == [queue]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"requires_session": True},
        {"requires_duplicate_detection": True},
        {"enable_partitioning": True},
    ],
)
def test_some_settings_cannot_be_changed(queue: Queue, change: dict[str, object]) -> None:
    before = queue.settings
    with pytest.raises(InvalidOperationError, match=next(iter(change))):
        queue.reconfigure(replace(before, **change))  # type: ignore[arg-type]  # the parameters fit
    assert queue.settings == before


def test_changed_settings_apply_from_then_on(make_queue: MakeQueue, clock: FakeClock) -> None:
    queue = make_queue(requires_duplicate_detection=True, duplicate_detection_window=100)
    queue.send([message("before", message_id="1")])
    queue.reconfigure(
        replace(
            queue.settings,
            lock_duration=5,
            max_delivery_count=1,
            default_time_to_live=7,
            dead_letter_on_expiration=True,
            duplicate_detection_window=20,
        )
    )
    received = queue.receive()
    assert received is not None
    assert received.lock is not None
    assert received.lock.until == START + 5
    queue.abandon(received.lock.token)
    assert queue.counts().dead_letter == 1
    clock.advance(20)
    queue.send([message("after", message_id="1")])
    clock.advance(7)
    queue.advance()
    assert queue.counts().dead_letter == 2
    dead = dead_letters(queue).receive()
    assert dead is not None
    assert dead.lock is not None
    assert dead.lock.until == clock.now + 5 < clock.now + LOCK
