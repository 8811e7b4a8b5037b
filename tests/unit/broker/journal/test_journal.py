"""The journal on real files: what comes back, what a damaged end costs, and when it shrinks."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from local.broker.amqp.encode import encode
from local.broker.amqp.sections import Sections, read_sections, symbol_entry, write_message
from local.broker.amqp.values import Described, Timestamp, ULong
from local.broker.journal.frames import MAGIC, JournalError, read_frames
from local.broker.journal.journal import MIN_COMPACTED_SIZE, Journal
from local.broker.queues.message import SCHEDULED_ENQUEUE_TIME, MessageState
from local.broker.queues.queue import Queue
from local.broker.queues.settings import QueueSettings
from tests.unit.broker.queues.conftest import FakeClock, Holder, dead_letters, reason, token

SETTINGS = [
    QueueSettings("queue", max_delivery_count=3),
    QueueSettings("sessions", requires_session=True),
    QueueSettings("once", requires_duplicate_detection=True, duplicate_detection_window=100),
]


def make_queues(clock: FakeClock, settings: list[QueueSettings] | None = None) -> list[Queue]:
    """New queues, each followed by its dead-letter queue."""
    queues = []
    for each in settings or SETTINGS:
        dead = Queue(each.for_dead_letters(), clock)
        queues += [Queue(each, clock, dead_letters=dead), dead]
    return queues


@contextmanager
def journaled(
    folder: Path, clock: FakeClock, settings: list[QueueSettings] | None = None, compact_at: int = MIN_COMPACTED_SIZE
) -> Iterator[tuple[Journal, dict[str, Queue]]]:
    """Queues as they come back from a folder, and the journal that keeps them there."""
    queues = make_queues(clock, settings)
    journal = Journal(folder, queues, compact_at=compact_at)
    try:
        yield journal, {queue.name: queue for queue in queues}
    finally:
        journal.close()


def wire(
    text: str,
    *,
    message_id: str | None = None,
    session: str | None = None,
    ttl: int | None = None,
    at: float | None = None,
) -> Sections:
    """A message as it comes from a client; ``ttl`` in milliseconds, ``at`` in seconds."""
    annotations = {}
    if at is not None:
        annotations[SCHEDULED_ENQUEUE_TIME] = symbol_entry(SCHEDULED_ENQUEUE_TIME, Timestamp(int(at * 1000)))
    sections = Sections(
        durable=True,
        ttl=ttl,
        properties=encode(Described(ULong(0x73), [message_id, *[None] * 9, session])),
        application_properties=encode(Described(ULong(0x74), {"key": "value"})),
        body=encode(Described(ULong(0x75), text.encode())),
    )
    return read_sections(write_message(sections, 0, annotations))


def text(sections: Sections) -> str:
    return sections.body[5:].decode()


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
        journal.commit()
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
        journal.commit()
    for _ in range(3):
        with journaled(tmp_path, clock) as (journal, queues):
            assert queues["queue"].receive() is not None
            journal.commit()
    with journaled(tmp_path, clock) as (_, queues):
        assert queues["queue"].receive() is None
        assert reason(dead_letters(queues["queue"]).receive())[0] == "MaxDeliveryCountExceeded"


def test_what_came_due_meanwhile_is_done(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("short", ttl=5000), wire("later", at=clock.now + 5)])
        journal.commit()
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
        journal.commit()
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
        journal.commit()
    clock.advance(99)
    with journaled(tmp_path, clock) as (journal, queues):
        assert queues["once"].send([wire("dropped", message_id="1")]) == [3]
        clock.advance(1)
        assert queues["once"].send([wire("b", message_id="1")]) == [4]
        assert [text(each.sections) for each in queues["once"].peek(0, 10)] == ["a", "b"]


def test_what_was_not_committed_is_not_there(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("kept")])
        journal.commit()
        queues["queue"].send([wire("lost")])
    with journaled(tmp_path, clock) as (_, queues):
        assert [text(each.sections) for each in queues["queue"].peek(0, 10)] == ["kept"]


def two_commits(folder: Path, clock: FakeClock) -> tuple[bytes, int]:
    """A journal's bytes, with one commit after another, and where the second starts."""
    with journaled(folder, clock) as (journal, queues):
        queues["queue"].send([wire("first")])
        journal.commit()
        size = (folder / "journal").stat().st_size
        queues["queue"].send([wire("second"), wire("third")])
        journal.commit()
    return (folder / "journal").read_bytes(), size


def test_a_torn_end_costs_the_last_commit_as_a_whole(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    data, whole = two_commits(tmp_path, clock)
    for length in range(whole, len(data)):
        (tmp_path / "journal").write_bytes(data[:length])
        caplog.clear()
        with caplog.at_level(logging.WARNING), journaled(tmp_path, clock) as (_, queues):
            assert [text(each.sections) for each in queues["queue"].peek(0, 10)] == ["first"]
        assert (f"{length - whole} bytes" in caplog.text) == (length > whole)


def test_a_flipped_bit_costs_what_comes_from_there_on(tmp_path: Path, clock: FakeClock) -> None:
    data, whole = two_commits(tmp_path, clock)
    for at in range(whole, len(data)):
        (tmp_path / "journal").write_bytes(data[:at] + bytes((data[at] ^ 0x10,)) + data[at + 1 :])
        with journaled(tmp_path, clock) as (_, queues):
            assert [text(each.sections) for each in queues["queue"].peek(0, 10)] == ["first"]
    assert len(list(read_frames(tmp_path / "journal"))) == 2, "the damaged end is gone from the file"


@pytest.mark.parametrize("content", [b"", b"something else", MAGIC, MAGIC + b"\0" * 100])
def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, clock: FakeClock, content: bytes) -> None:
    (tmp_path / "journal").write_bytes(content)
    with pytest.raises(JournalError), journaled(tmp_path, clock):
        pass
    assert (tmp_path / "journal").read_bytes() == content


def test_two_brokers_do_not_share_a_folder(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock), pytest.raises(JournalError, match="Another process"):
        Journal(tmp_path, make_queues(clock))


def test_a_start_leaves_only_what_is_alive(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        empty = (tmp_path / "journal").stat().st_size
        for _ in range(100):
            queues["queue"].send([wire("x" * 1000)])
            queues["queue"].complete(token(queues["queue"].receive()))
            journal.commit()
        assert (tmp_path / "journal").stat().st_size > 100_000
    with journaled(tmp_path, clock) as (_, queues):
        assert (tmp_path / "journal").stat().st_size == empty
        assert queues["queue"].send([wire("next")]) == [101]


def test_it_is_compacted_while_it_runs(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock, compact_at=20_000) as (journal, queues):
        queue = queues["queue"]
        queue.send([wire("locked"), wire("kept")])
        lock = token(queue.receive())
        for _ in range(200):
            queue.send([wire("x" * 1000)])
            queue.complete(token(queue.receive()))
            journal.commit()
            assert (tmp_path / "journal").stat().st_size < 25_000
        queue.complete(lock)
        journal.commit()
        before = queue.contents()
    with journaled(tmp_path, clock) as (_, queues):
        after = queues["queue"].contents()
        assert after.messages.keys() == before.messages.keys()
        assert after.last_sequence_number == before.last_sequence_number


def test_a_failed_write_leaves_whole_commits_and_is_tried_again(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def disk_full(file: int, data: bytes) -> int:
        if len(data) > 10:
            return write(file, data[:10])
        raise OSError(28, "No space left on device")

    with journaled(tmp_path, clock) as (journal, queues):
        size = (tmp_path / "journal").stat().st_size
        queues["queue"].send([wire("a")])
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", disk_full)
            with pytest.raises(OSError, match="No space"):
                journal.commit()
        assert (tmp_path / "journal").stat().st_size == size
        queues["queue"].send([wire("b")])
        journal.commit()
    with journaled(tmp_path, clock) as (_, queues):
        assert [text(each.sections) for each in queues["queue"].peek(0, 10)] == ["a", "b"]


def test_a_queue_that_is_no_longer_configured_goes_with_its_messages(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["queue"].send([wire("gone")])
        queues["once"].send([wire("kept")])
        journal.commit()
    settings = [replace(SETTINGS[2], max_delivery_count=7), QueueSettings("new")]
    with caplog.at_level(logging.WARNING), journaled(tmp_path, clock, settings) as (_, queues):
        assert [text(each.sections) for each in queues["once"].peek(0, 10)] == ["kept"]
    assert "'queue' is no longer configured; 1 messages" in caplog.text
