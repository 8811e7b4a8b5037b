import asyncio
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore

from functions.contracts import Event, Operation, Training
from functions.errors import Unavailable
from functions.operations import Operations
from functions.predict.results import Results
from functions.telemetry.names import RETRIES
from tests.unit.functions.publishers import RecordingPublisher
from tests.unit.functions.recording import Recording
from tests.unit.functions.stored import as_read

ID = "0" * 32
ACCEPTED = Operation(operation_id=ID, status="pending")
TRAINING = Operation(operation_id=ID, status="running", training=Training(state="REQUESTED"))
COMPLETED = Operation(operation_id=ID, status="completed", result=[5.6])


def event(operation: Operation, stored: bool = False) -> Event:
    return Event(phase="p", operation=operation, reply_to_session="s", result_stored=stored)


@pytest.fixture
def operations() -> Operations:
    return Operations(MemoryStore())


@pytest.fixture
def results(operations: Operations) -> Results:
    return Results(operations, RecordingPublisher(), max_waiting=1)


async def test_an_answer_goes_to_who_waits_and_not_to_the_store(results: Results, operations: Operations) -> None:
    with results.expect(ACCEPTED, durable=False) as waiter:
        await results.deliver(event(COMPLETED))
        assert await waiter.wait(60, leave_for_training=False) == COMPLETED
    assert await operations.read(ID) is None


async def test_nobody_waits_so_it_is_stored(results: Results, operations: Operations) -> None:
    await results.deliver(event(TRAINING))
    assert await operations.read(ID) == TRAINING
    await results.deliver(event(COMPLETED))
    assert await operations.read(ID) == COMPLETED


async def test_a_durable_one_goes_to_both(results: Results, operations: Operations) -> None:
    with results.expect(ACCEPTED, durable=True) as waiter:
        await results.deliver(event(COMPLETED))
        assert await waiter.wait(60, leave_for_training=False) == COMPLETED
    assert await operations.read(ID) == COMPLETED


async def test_a_stored_result_is_read_from_the_store(results: Results, operations: Operations) -> None:
    await operations.record(COMPLETED)
    with results.expect(ACCEPTED, durable=False) as waiter:
        await results.deliver(event(COMPLETED.model_copy(update={"result": None}), stored=True))
        assert as_read(await waiter.wait(60, leave_for_training=False)) == COMPLETED


async def test_who_said_nothing_leaves_when_a_training_is_needed(results: Results) -> None:
    with results.expect(ACCEPTED, durable=False) as waiter:
        leaving = asyncio.create_task(waiter.wait(60, leave_for_training=True))
        staying = asyncio.create_task(waiter.wait(60, leave_for_training=False))
        await asyncio.sleep(0)  # both wait
        results.hand_over(event(TRAINING))
        assert await leaving == TRAINING
        assert not staying.done()
        results.hand_over(event(COMPLETED))
        assert await staying == COMPLETED


async def test_the_latest_progress_is_there_when_time_is_over(results: Results) -> None:
    with results.expect(ACCEPTED, durable=False) as waiter:
        results.hand_over(event(TRAINING))
        assert await waiter.wait(0, leave_for_training=False) == TRAINING


async def test_command_waiting_for_training_does_not_delay_others(results: Results) -> None:
    with results.expect(ACCEPTED, durable=False):
        assert results.in_flight == 1
        results.hand_over(event(TRAINING))
        assert results.in_flight == 0
    assert results.in_flight == 0


async def test_the_first_outcome_stays(results: Results) -> None:
    with results.expect(ACCEPTED, durable=False) as waiter:
        results.hand_over(event(COMPLETED))
        results.hand_over(event(TRAINING))
        assert waiter.operation == COMPLETED


async def test_an_event_is_published_again_for_later_while_the_store_is_down(tmp_path: Path) -> None:
    (tmp_path / ID).write_text("a file where a folder should be")
    publisher = RecordingPublisher()
    await Results(Operations(LocalStore(tmp_path)), publisher, max_waiting=1).deliver(event(COMPLETED))
    (published,) = publisher.published
    assert published.message == event(COMPLETED).model_copy(update={"attempt": 1})
    assert (published.queue, published.at is not None) == ("results", True)


async def test_event_that_cannot_be_stored_is_counted(recorded: Recording) -> None:
    class Away(Operations):
        async def record(self, operation: Operation) -> None:
            raise Unavailable("The store cannot be reached.")

    await Results(Away(MemoryStore()), RecordingPublisher(), max_waiting=1).deliver(event(COMPLETED))
    assert recorded.values(RETRIES) == [({"messaging.destination.name": "results"}, 1)]
    assert (recorded.span("process results").attributes or {})["ondemand.operation.id"] == ID
