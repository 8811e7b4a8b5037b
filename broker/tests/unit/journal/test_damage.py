"""Damaged bytes lose their own content and nothing else; they are reported and kept."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servicebus_broker.journal.frames import MAGIC, JournalError, Span, frame, read_frames
from servicebus_broker.journal.journal import Journal
from tests.unit.journal.journaled import FIRST, SETTINGS, journaled, texts, wire
from tests.unit.queues.conftest import FakeClock, token

Written = tuple[bytes, list[int]]

COMMITS = ("first", "second", "third")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def written() -> Iterator[Written]:
    """The bytes of a journal: the queues, then three commits; where each commit starts, and where the last one ends."""
    with tempfile.TemporaryDirectory() as folder, journaled(Path(folder), FakeClock()) as (journal, queues):
        journal.write()
        bounds = [journal.size]
        for text in COMMITS:
            queues["queue"].send([wire(text), wire(text + " too")])
            journal.write()
            bounds.append(journal.size)
        yield (Path(folder) / FIRST).read_bytes()[: journal.size], bounds


def recovered(folder: Path, data: bytes) -> list[str]:
    """The messages that come back from a file with these bytes."""
    (folder / FIRST).write_bytes(data)
    with journaled(folder, FakeClock()) as (_, queues):
        return texts(queues["queue"])


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("journal.damaged-*")]


def said(*commits: str) -> list[str]:
    return [text for commit in commits for text in (commit, commit + " too")]


def test_torn_end_loses_exactly_the_last_commit(
    tmp_path: Path, written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    data, (_, _, second, third) = written
    for length in range(second, third):
        caplog.clear()
        folder = tmp_path / str(length)
        folder.mkdir()
        with caplog.at_level(logging.WARNING):
            assert recovered(folder, data[:length]) == said("first", "second")
        torn = data[second:length].rstrip(b"\0")
        assert kept(folder) == ([torn] if torn else [])
        assert (f"ends with {len(torn)} bytes" in caplog.text) == bool(torn)


def test_journal_continues_where_it_was_cut(tmp_path: Path, written: Written) -> None:
    data, _ = written
    (tmp_path / FIRST).write_bytes(data[:-1])
    with journaled(tmp_path, FakeClock()) as (journal, queues):
        queues["queue"].send([wire("new")])
        journal.write()
    with journaled(tmp_path, FakeClock()) as (_, queues):
        assert texts(queues["queue"]) == [*said("first", "second"), "new"]
    assert len(kept(tmp_path)) == 1


def test_damage_in_the_middle_loses_one_commit(
    tmp_path: Path, written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    data, (_, first, second, _) = written
    for at in range(first, second):
        caplog.clear()
        folder = tmp_path / str(at)
        folder.mkdir()
        with caplog.at_level(logging.WARNING):
            assert recovered(folder, flipped(data, at)) == said("first", "third")
        assert f"{second - first} bytes that are damaged" in caplog.text
        assert kept(folder) == [flipped(data, at)[first:second]]


def test_changes_to_lost_messages_are_ignored(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        journal.write()
        start = journal.size
        queues["queue"].send([wire("lost")])
        journal.write()
        queues["queue"].send([wire("kept")])
        lock = token(queues["queue"].receive())
        journal.write()
        queues["queue"].complete(lock)
        journal.write()
    path = tmp_path / FIRST
    path.write_bytes(flipped(path.read_bytes(), start + 30))
    with caplog.at_level(logging.WARNING), journaled(tmp_path, clock) as (_, queues):
        assert texts(queues["queue"]) == ["kept"]
    assert "2 changes referred to the damaged bytes" in caplog.text


def test_damage_is_reported_once(tmp_path: Path, written: Written, clock: FakeClock) -> None:
    data, (_, first, _, _) = written
    (tmp_path / FIRST).write_bytes(flipped(data, first))
    with journaled(tmp_path, clock) as (journal, _):
        assert journal.wants_compaction()
        compaction = journal.begin_compaction()
        assert compaction is not None
        journal.end_compaction(compaction.run())
    with journaled(tmp_path, clock) as (_, queues):
        assert texts(queues["queue"]) == said("first", "third")
    assert len(kept(tmp_path)) == 1


def test_message_that_looks_like_a_frame_is_not_one(tmp_path: Path, clock: FakeClock) -> None:
    with journaled(tmp_path, clock) as (journal, queues):
        journal.write()
        forged = frame(b"\x00" * 40, FIRST, 0) + frame(b"\x00" * 40, "journal-00000002", journal.size + 100)
        start = journal.size
        queues["queue"].send([wire((forged * 3).decode("latin-1"))])
        journal.write()
        queues["queue"].send([wire("after")])
        journal.write()
    path = tmp_path / FIRST
    assert recovered(tmp_path, flipped(path.read_bytes(), start)) == ["after"]


@pytest.mark.parametrize("content", [b"something else", b"broker journal 1\n", MAGIC[:-1] + b"\r"])
def test_file_of_another_kind_is_not_touched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FIRST).write_bytes(content)
    with pytest.raises(JournalError, match="not a file"):
        Journal(tmp_path, SETTINGS, FakeClock())
    assert (tmp_path / FIRST).read_bytes() == content


def test_a_journal_of_the_former_format_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"broker journal 1\n")
    with pytest.raises(JournalError, match="earlier version"):
        Journal(tmp_path, SETTINGS, FakeClock())


def test_a_missing_file_is_named(tmp_path: Path, clock: FakeClock) -> None:
    for number in (1, 3):
        (tmp_path / f"journal-{number:08}").write_bytes(MAGIC)
    with pytest.raises(JournalError, match="journal-00000002"):
        Journal(tmp_path, SETTINGS, FakeClock())


@pytest.mark.parametrize("content", [b"", MAGIC[:5], b"\0" * 5000, MAGIC, MAGIC + b"\0" * 5000])
def test_file_without_a_first_write_is_empty(tmp_path: Path, content: bytes) -> None:
    assert recovered(tmp_path, content) == []
    assert kept(tmp_path) == []


def flipped(data: bytes, at: int, bits: int = 0x10) -> bytes:
    return data[:at] + bytes((data[at] ^ bits,)) + data[at + 1 :]


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Positions, in millionths of the file, and bits to flip there; no bits mean that the file ends there."""
    return draw(st.lists(st.tuples(st.integers(0, 999_999), st.integers(0, 255)), min_size=1, max_size=4))


@settings(max_examples=300)
@given(damages(), st.binary(max_size=40))
def test_any_damage_loses_whole_commits_or_the_file_is_refused(
    written: Written, damage: list[tuple[int, int]], appended: bytes
) -> None:
    data, bounds = written
    spoilt = data
    for part, bits in damage:
        at = part * len(spoilt) // 1_000_000
        spoilt = flipped(spoilt, at, bits) if bits and spoilt else spoilt[:at]
    spoilt += appended
    whole = [
        commit
        for commit, (start, end) in zip(COMMITS, pairwise(bounds), strict=True)
        if spoilt[start:end] == data[start:end]
    ]
    folder = Path(tempfile.mkdtemp())
    try:
        messages = recovered(folder, spoilt)
    except JournalError:
        assert spoilt[: len(MAGIC)] != MAGIC
    else:
        # The definitions of the queues come twice before the first commit.
        assert messages == said(*whole) or (messages == [] and spoilt[: bounds[0]] != data[: bounds[0]])
    finally:
        shutil.rmtree(folder)


@settings(max_examples=300)
@given(st.binary(max_size=2000), st.integers(0, 3))
def test_noise_has_no_frames(noise: bytes, markers: int) -> None:
    damaged: list[Span] = []
    data = MAGIC + (frame(b"x", "name", 5)[:12] + noise) * (markers + 1)
    assert list(read_frames(memoryview(data), "name", damaged)) == []
    assert [data[each.start : each.end] for each in damaged] == [data[len(MAGIC) :].rstrip(b"\0")]


@pytest.mark.parametrize(("name", "shift"), [("journal-00000002", 0), (FIRST, 1)])
def test_frame_of_another_file_or_position_is_not_one(name: str, shift: int) -> None:
    data = MAGIC + frame(b"payload", name, len(MAGIC) + shift)
    assert list(read_frames(memoryview(data), FIRST, [])) == []
