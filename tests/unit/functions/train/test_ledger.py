"""A document that several processes change, in a real store."""

import asyncio
from pathlib import Path

import obstore
import pytest
from obstore.store import ObjectStore

from functions.errors import Unavailable
from functions.operations import open_store
from functions.train.ledger import KEPT, Ledger

PROCESSES, CHANGES = 4, 25


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(tmp_path.as_uri())


async def add_one(ledger: Ledger, name: str) -> None:
    while True:
        version, document = await ledger.read()
        if f"{name}\n" in document.decode() or await ledger.write(version, document + f"{name}\n".encode()):
            return


async def test_there_is_nothing_at_first(store: ObjectStore) -> None:
    assert await Ledger(store, "trainings").read() == (0, b"")


async def test_each_process_reads_what_another_wrote(store: ObjectStore) -> None:
    one, other = Ledger(store, "trainings"), Ledger(store, "trainings")
    assert await one.write(0, b"a")
    assert await other.read() == (1, b"a")
    assert await other.write(1, b"b")
    assert await one.read() == (2, b"b")


async def test_one_of_two_processes_writes_a_version(store: ObjectStore) -> None:
    one, other = Ledger(store, "trainings"), Ledger(store, "trainings")
    written = await asyncio.gather(one.write(0, b"one"), other.write(0, b"other"))
    assert sorted(written) == [False, True]
    assert (await one.read())[1] == (b"one" if written[0] else b"other")


async def test_no_change_of_several_processes_is_lost(store: ObjectStore) -> None:
    async def process(number: int) -> None:
        ledger = Ledger(store, "trainings")
        for change in range(CHANGES):
            await add_one(ledger, f"{number}:{change}")

    await asyncio.gather(*map(process, range(PROCESSES)))
    _, document = await Ledger(store, "trainings").read()
    assert sorted(document.decode().split()) == sorted(f"{n}:{c}" for n in range(PROCESSES) for c in range(CHANGES))


async def test_process_that_was_stopped_for_long_overwrites_nothing(store: ObjectStore) -> None:
    """Its version was written and deleted meanwhile, so it can be created again."""
    stopped, running = Ledger(store, "trainings"), Ledger(store, "trainings")
    assert await stopped.read() == (0, b"")
    for version in range(KEPT + 2):
        assert await running.write(version, str(version + 1).encode())
    assert not await stopped.write(0, b"late")
    assert await stopped.read() == (KEPT + 2, str(KEPT + 2).encode())


async def test_old_versions_are_deleted(store: ObjectStore) -> None:
    ledger = Ledger(store, "trainings")
    for version in range(50):
        assert await ledger.write(version, b"x")
    assert len(await obstore.list(store, "trainings/").collect_async()) == KEPT


async def test_other_objects_are_no_versions(store: ObjectStore) -> None:
    await obstore.put_async(store, "trainings/result.json", b"{}")
    await obstore.put_async(store, f"{'a' * 32}/result.json", b"{}")
    assert await Ledger(store, "trainings").read() == (0, b"")


async def test_store_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    (tmp_path / "store").rmdir()
    (tmp_path / "store").write_text("no folder", encoding="utf-8")
    with pytest.raises(Unavailable):
        await Ledger(store, "trainings").write(0, b"x")
