"""The contents that come back from a journal on real files."""

from pathlib import Path

import pytest

from servicebus_broker.journal.frames import JournalError
from servicebus_broker.journal.journal import Journal
from servicebus_broker.queues.contents import Contents
from servicebus_broker.queues.message import Message, MessageState
from servicebus_broker.queues.settings import FOREVER, QueueSettings
from tests.unit.journal.journaled import SETTINGS, journaled, make_queues, text, texts, wire
from tests.unit.queues.conftest import FakeClock, Holder, dead_letters, reason, token


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_messages_in_every_state_come_back(tmp_path: Path, clock: FakeClock) -> None:
    due = clock.now + 1000
    with journaled(tmp_path, clock) as (journal, queues):
        queue = queues["queue"]
        queue.send([wire("deferred"), wire("dead"), wire("locked"), wire("done"), wire("active", ttl=500_000)])
        queue.defer(token(queue.receive()))
        queue.dead_letter(token(queue.receive()), "why", "how")
        queue.receive()
        queue.complete(token(queue.receive()))
        queue.send([wire("scheduled", at=due)])
        journal.write()
        before = queue.contents()
    clock.advance(10)
    with journaled(tmp_path, clock) as (_, queues):
        queue = queues["queue"]
        after = queue.contents()
        assert after.locked == set()
        assert before.locked == {3}
        before.messages[3].delivery_count = 1
        assert after.messages == before.messages
        assert [(each.sequence_number, text(each.sections), each.state) for each in queue.peek(0, 10)] == [
            (1, "deferred", MessageState.DEFERRED),
            (3, "locked", MessageState.ACTIVE),
            (5, "active", MessageState.ACTIVE),
            (6, "scheduled", MessageState.SCHEDULED),
        ]
        dead = dead_letters(queue).receive()
        assert dead is not None
        assert reason(dead) == ("why", "how")
        assert (dead.sequence_number, dead.dead_letter_source) == (2, "queue")
        assert queue.send([wire("new")]) == [7]
        clock.advance(1000)
        assert [text(each.sections) for each in queue.peek(8, 10)] == ["scheduled"]


def test_the_last_delivery_before_a_crash_counts(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("poison")])
        journal.write()
    for _ in range(3):
        with journaled(tmp_path, clock) as (journal, queues):
            assert queues["queue"].receive() is not None
            journal.write()
    with journaled(tmp_path, clock) as (_, queues):
        assert queues["queue"].receive() is None
        assert reason(dead_letters(queues["queue"]).receive())[0] == "MaxDeliveryCountExceeded"


def test_a_stop_in_good_order_counts_no_delivery(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock, kill=False) as (_, queues):
        queues["queue"].send([wire("held")])
        queues["sessions"].send([wire("held in a session", session="s")])
        assert queues["queue"].receive() is not None
        assert queues["sessions"].receive(queues["sessions"].accept_session("s", Holder())) is not None
    for _ in range(2):
        with journaled(tmp_path, clock, kill=False) as (_, queues):
            held = queues["queue"].receive()
            held_in_session = queues["sessions"].receive(queues["sessions"].accept_session("s", Holder()))
            assert [each and each.delivery_count for each in (held, held_in_session)] == [0, 0]


def test_changes_made_by_a_start_are_kept_by_the_next(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock, [QueueSettings("queue", max_delivery_count=1)]) as (journal, queues):
        queues["queue"].send([wire("poison")])
        assert queues["queue"].receive() is not None
        journal.write()
    with journaled(tmp_path, clock, [QueueSettings("queue", max_delivery_count=1)]) as (journal, queues):
        dead = dead_letters(queues["queue"])
        dead.complete(token(dead.receive()))
        journal.write()
    with journaled(tmp_path, clock, [QueueSettings("queue", max_delivery_count=1)]) as (_, queues):
        assert texts(queues["queue"]) == texts(dead_letters(queues["queue"])) == []


def test_work_that_became_due_meanwhile_is_done(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("short", ttl=5000), wire("later", at=clock.now + 5)])
        journal.write()
    clock.advance(6)
    with journaled(tmp_path, clock) as (_, queues):
        assert [text(each.sections) for each in queues["queue"].peek(0, 10)] == ["later"]


def test_sessions_come_back_with_their_state_and_nobody_holds_them(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queue = queues["sessions"]
        queue.send([wire("first", session="s"), wire("second", session="s")])
        for name, state in (("s", b"state"), ("only state", b""), ("withdrawn", b"x"), ("withdrawn", None)):
            lock = queue.accept_session(name, Holder())
            assert lock is not None
            queue.set_session_state(lock, state)
            if name == "s":
                queue.receive(lock)
            else:
                queue.release_session(lock)
        journal.write()
    with journaled(tmp_path, clock) as (_, queues):
        queue = queues["sessions"]
        assert sorted(queue.sessions.ids_with_content()) == ["only state", "s"]
        lock = queue.accept_session(None, Holder())
        assert lock is not None
        assert queue.session_state(lock) == b"state"
        received = [queue.receive(lock), queue.receive(lock)]
        assert [(text(each.sections), each.delivery_count) for each in received if each] == [
            ("first", 1),
            ("second", 0),
        ]


def test_duplicates_are_known_until_their_window_ends(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["once"].send([wire("a", message_id="1")])
        assert queues["once"].send([wire("dropped", message_id="1")]) == [2]
        journal.write()
    clock.advance(99)
    with journaled(tmp_path, clock) as (journal, queues):
        assert queues["once"].send([wire("dropped", message_id="1")]) == [3]
        clock.advance(1)
        assert queues["once"].send([wire("b", message_id="1")]) == [4]
        assert [text(each.sections) for each in queues["once"].peek(0, 10)] == ["a", "b"]


def test_an_id_that_is_seen_again_is_forgotten_last(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        for seconds, message_id in ((0, "1"), (50, "2"), (50, "1")):
            clock.advance(seconds)
            queues["once"].send([wire("text", message_id=message_id)])
        journal.write()
    clock.advance(50)
    with journaled(tmp_path, clock) as (journal, queues):
        queues["once"].send([wire("after its window", message_id="2")])
        assert texts(queues["once"])[-1] == "after its window"


def test_uncommitted_changes_are_lost(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("kept")])
        journal.write()
        queues["queue"].send([wire("lost")])
    with journaled(tmp_path, clock) as (_, queues):
        assert [text(each.sections) for each in queues["queue"].peek(0, 10)] == ["kept"]


def test_two_brokers_do_not_share_a_folder(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock), pytest.raises(JournalError, match="Another process"):
        Journal(tmp_path, SETTINGS, clock)


def test_a_start_after_the_clock_was_set_back_continues_the_former_time(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("due", at=clock.now + 5)])
        journal.write()
    clock.ahead = -86_400.0
    with journaled(tmp_path, clock) as (journal, queues):
        assert journal.last_time == clock.now
        clock.advance(5)
        assert texts(queues["queue"]) == ["due"]
        assert queues["queue"].counts().scheduled == 0


def test_a_scheduled_message_of_a_former_journal_is_due_by_its_annotation(clock: FakeClock) -> None:
    queue = make_queues(clock, [QueueSettings("queue")])[0]
    scheduled = Message(wire("due", at=clock.now + 5), 1, clock.now, FOREVER, MessageState.SCHEDULED)
    queue.restore(Contents(1, {1: scheduled}))
    assert queue.next_due() == clock.now + 5
