"""Compaction: the files shrink to their live records, and are complete at every moment of it."""

import shutil
from pathlib import Path

import pytest

from servicebus_broker.journal.compaction import Compaction
from servicebus_broker.journal.journal import Journal
from servicebus_broker.queues.contents import Contents
from servicebus_broker.queues.queue import Queue
from tests.unit.journal.journaled import FIRST, journaled, texts, wire
from tests.unit.queues.conftest import FakeClock, Holder, dead_letters, token


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def begun(journal: Journal) -> Compaction:
    compaction = journal.begin_compaction()
    assert compaction is not None
    return compaction


def compact(journal: Journal) -> None:
    journal.end_compaction(begun(journal).run())


def fill(queues: dict[str, Queue]) -> None:
    """Messages in every state, in several queues."""
    queue, sessions = queues["queue"], queues["sessions"]
    queue.send([wire(text) for text in ("deferred", "dead", "abandoned", "gone", "active", "another")])
    queue.defer(token(queue.receive()))
    queue.dead_letter(token(queue.receive()), "why")
    lock = token(queue.receive())
    queue.complete(token(queue.receive()))
    queue.abandon(lock)
    queue.send([wire("scheduled", at=2_000_000)])
    sessions.send([wire("in a session", session="s")])
    session_lock = sessions.accept_session("s", Holder())
    assert session_lock is not None
    sessions.set_session_state(session_lock, b"state")
    queues["once"].send([wire("once", message_id="1")])


def contents_of(folder: Path, clock: FakeClock) -> dict[str, Contents]:
    with journaled(folder, clock) as (_, queues):
        return {name: queue.contents() for name, queue in queues.items()}


def test_crash_at_any_moment_of_a_compaction_loses_nothing(tmp_path: Path, clock: FakeClock) -> None:
    folder, images = tmp_path / "data", []
    with journaled(folder, clock) as (journal, queues):
        fill(queues)
        journal.write()
        compaction = begun(journal)
        for number, _ in enumerate(compaction.steps()):
            queues["queue"].send([wire(f"meanwhile {number}")])
            journal.write()
            images.append((shutil.copytree(folder, tmp_path / str(number)), queues["queue"].contents()))
        journal.end_compaction(0)
        expected = {name: queue.contents() for name, queue in queues.items()}
    assert len(images) > 4
    assert len({tuple(sorted(each.name for each in image.iterdir())) for image, _ in images}) > 3
    for image, queue in images:
        assert contents_of(image, clock) == expected | {"queue": queue}
        assert contents_of(image, clock) == expected | {"queue": queue}, "and it was left as it was"
    assert contents_of(folder, clock) == expected


def test_compaction_may_be_repeated_and_interrupted(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        fill(queues)
        for count in range(3):
            journal.write()
            interrupted = begun(journal)
            interrupted.interrupt()
            assert interrupted.run() is None
            journal.end_compaction(None)
            queues["queue"].send([wire(f"sent {count}")])
            journal.write()
            compact(journal)
        expected = {name: queue.contents() for name, queue in queues.items()}
    assert contents_of(tmp_path, clock) == expected
    assert sorted(each.name for each in tmp_path.iterdir()) == ["journal-00000007", "lock", "snapshot-00000007"]


def test_compaction_keeps_only_live_records(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock, compact_at=100_000) as (journal, queues):
        queue = queues["queue"]
        queue.send([wire("kept")])
        queue.receive()
        for _ in range(200):
            assert not journal.wants_compaction() or journal.size >= 100_000
            queue.send([wire("x" * 1000)])
            queue.complete(token(queue.receive()))
            journal.write()
        assert journal.wants_compaction()
        compact(journal)
        assert journal.size < 3_000
        assert not journal.wants_compaction()
    with journaled(tmp_path, clock) as (_, queues):
        assert texts(queues["queue"]) == ["kept"]
        assert queues["queue"].send([wire("next")]) == [202]


def test_ids_are_forgotten_after_their_window(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        queues["once"].send([wire("text", message_id=str(number)) for number in range(1000)])
        while (message := queues["once"].receive(delete=True)) is not None:
            assert message
        journal.write()
        clock.advance(100)
        compact(journal)
        assert journal.size < 3_000


def test_a_dead_letter_keeps_its_place_and_reason(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        fill(queues)
        journal.write()
        before = dead_letters(queues["queue"]).contents()
        compact(journal)
    with journaled(tmp_path, clock) as (_, queues):
        assert dead_letters(queues["queue"]).contents() == before


def test_files_of_an_interrupted_compaction_are_removed(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock):
        pass
    for name in ("snapshot-00000002.new", "certificate.new"):
        (tmp_path / name).write_bytes(b"unfinished")
    with journaled(tmp_path, clock):
        assert sorted(each.name for each in tmp_path.iterdir()) == ["certificate.new", FIRST, "lock"]
