import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import HTTPStore, LocalStore, MemoryStore, ObjectStore

from functions import operations as module
from functions.contracts import JsonText, Operation
from functions.errors import Unavailable
from functions.operations import Operations, open_store
from tests.unit.functions.silence import silent_server
from tests.unit.functions.stored import as_read

ID = "0" * 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PENDING = Operation(operation_id=ID, status="pending", expires_at=NOW + timedelta(hours=1))
RUNNING = PENDING.model_copy(update={"status": "running"})
COMPLETED = PENDING.model_copy(update={"status": "completed", "result": [5.6]})
FAILED = PENDING.model_copy(update={"status": "error"})


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return MemoryStore() if request.param == "memory" else open_store((tmp_path / "a folder").as_uri())


async def test_the_first_outcome_wins_and_progress_does_not_hide_it(store: ObjectStore) -> None:
    operations = Operations(store, lambda: NOW)
    assert await operations.read(ID) is None
    await operations.begin(PENDING)
    assert await operations.read(ID) == PENDING
    await operations.record(RUNNING)
    assert await operations.read(ID) == RUNNING
    await operations.begin(PENDING)
    assert await operations.read(ID) == RUNNING
    await operations.record(COMPLETED)
    await operations.record(FAILED)
    await operations.record(RUNNING)
    assert await operations.read(ID) == COMPLETED


async def test_an_expired_operation_is_unknown(store: ObjectStore) -> None:
    await Operations(store, lambda: NOW).record(COMPLETED)
    assert await Operations(store, lambda: NOW + timedelta(hours=2)).read(ID) is None


async def test_a_claim_is_tied_to_the_first_digest(store: ObjectStore) -> None:
    operations = Operations(store, lambda: NOW)
    assert await operations.claimed(ID) is None
    assert await operations.claim(ID, "a", NOW + timedelta(hours=1)) is None
    assert await operations.claim(ID, "a", NOW + timedelta(hours=2)) == "a"
    assert await operations.claim(ID, "b", NOW + timedelta(hours=2)) == "a"
    assert await operations.claimed(ID) == "a"
    assert await Operations(store, lambda: NOW + timedelta(hours=1)).claimed(ID) is None


async def test_waiting_ends_with_the_outcome(store: ObjectStore) -> None:
    operations = Operations(store, lambda: NOW)
    await operations.begin(PENDING)
    assert await operations.wait(ID, 0) == PENDING
    waiting = asyncio.create_task(operations.wait(ID, 60))
    await asyncio.sleep(0)  # it waits
    await operations.record(COMPLETED)
    assert as_read(await waiting) == COMPLETED


async def test_input_comes_back(store: ObjectStore) -> None:
    operations = Operations(store)
    await operations.put_input(ID, b'[{"x": 1.5}]')
    assert await operations.get_input(ID) == [{"x": 1.5}]
    with pytest.raises(KeyError):
        await operations.get_input("1" * 32)


async def test_a_store_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / ID).write_text("a file where a folder should be")
    with pytest.raises(Unavailable, match="operation store"):
        await Operations(LocalStore(tmp_path)).record(COMPLETED)


class CountingOperations(Operations):
    """Lists the objects that it reads."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store, lambda: NOW)
        self.read_objects: list[str] = []

    async def _get(self, path: str) -> bytes | None:
        self.read_objects.append(path.removeprefix(f"{ID}/"))
        return await super()._get(path)


async def test_a_poll_of_an_unknown_id_reads_one_object(store: ObjectStore) -> None:
    operations = CountingOperations(store)
    assert await operations.wait(ID, 60) is None
    assert operations.read_objects == ["status.json"]


async def test_polls_read_the_status_once_and_then_the_outcome(store: ObjectStore) -> None:
    await Operations(store, lambda: NOW).begin(PENDING)
    operations = CountingOperations(store)
    assert await operations.wait(ID, 0) == PENDING
    assert operations.read_objects == ["status.json", "result.json"]
    await Operations(store, lambda: NOW).record(COMPLETED)
    operations.read_objects.clear()
    assert as_read(await operations.wait(ID, 0)) == COMPLETED
    assert operations.read_objects == ["result.json"]


async def test_who_began_an_operation_reads_its_outcome_alone(store: ObjectStore) -> None:
    operations = CountingOperations(store)
    await operations.begin(PENDING)
    await operations.record(COMPLETED)
    assert as_read(await operations.wait(ID, 0)) == COMPLETED
    assert operations.read_objects == ["result.json"]


@pytest.mark.parametrize(
    "result",
    [
        JsonText(b'[1.5,null," ,\\"result\\":[]}"]'),
        JsonText(b"null"),
        [1.5, None, ' ,"result":[]}'],
        {"result": ' ,"result":1'},
        float("nan"),
        2**70,
    ],
    ids=str,
)
async def test_a_result_is_handed_on_as_it_was_stored(store: ObjectStore, result: object) -> None:
    operation = COMPLETED.model_copy(update={"result": result, "status_message": ' ,"result":', "model_type": "é"})
    operations = Operations(store, lambda: NOW)
    await operations.begin(PENDING)
    await operations.record(operation)
    found = await operations.wait(ID, 0)
    assert found is not None
    assert (found.status, found.result, found.expires_at) == ("completed", None, COMPLETED.expires_at)
    assert as_read(found) == as_read(operation) == await operations.read(ID)
    assert b"\n" not in found.to_json()


async def test_an_outcome_of_an_older_version_is_read(store: ObjectStore) -> None:
    await store.put_async(f"{ID}/status.json", PENDING.to_json())
    await store.put_async(f"{ID}/result.json", COMPLETED.to_json())
    assert await Operations(store, lambda: NOW).wait(ID, 0) == COMPLETED


async def test_nobody_waits_for_ever_behind_calls_of_a_store_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The host kills the whole worker for a request that waits for functionTimeout."""
    monkeypatch.setattr(module, "MAX_AT_ONCE", 1)
    monkeypatch.setattr(module, "PLACE_WAIT_S", 0.05)
    async with silent_server() as (url, connected):
        operations = Operations(HTTPStore.from_url(url, client_options={"allow_http": True}))
        first = asyncio.create_task(operations.outcome(ID))
        await connected.wait()
        with pytest.raises(Unavailable, match="operation store is busy"):
            await operations.outcome(ID)
        first.cancel()
        await asyncio.wait({first})
