"""A prediction from request to answer, with a recording publisher and a store in memory."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from functions.catalog import load_catalog
from functions.contracts import Event, Operation, RunModel, Training
from functions.errors import MalformedRequest, RequestTooLarge, TooManyRequests, UnknownRun
from functions.operations import Operations
from functions.predict.results import Results
from functions.predict.secret import Secret
from functions.predict.service import Answer, PredictService
from functions.settings import PredictSettings
from tests.unit.functions.publishers import RecordingPublisher
from tests.unit.functions.recording import Recording, id_of

CATALOG = load_catalog(Path(__file__).parents[4] / "models.yaml")
NO_WAIT = {"prefer": "wait=0"}


def body(rows: object) -> bytes:
    return json.dumps({"modelType": "wine", "predictionParameters": rows}).encode()


async def reply_session() -> str:
    return "session"


class Instance:
    def __init__(self, store: MemoryStore | None = None, **settings: Any) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self.publisher = RecordingPublisher()
        self.operations = Operations(store or MemoryStore(), lambda: self.now)
        chosen = PredictSettings(**settings)
        self.results = Results(self.operations, self.publisher, chosen.max_waiting, chosen.max_pending)
        self.service = PredictService(
            chosen,
            CATALOG,
            self.publisher,
            self.operations,
            self.results,
            Secret(self.operations, None),
            reply_session,
            lambda: self.now,
        )

    async def post(self, headers: dict[str, str], rows: object, caller: str = "key:1") -> Answer:
        return await self.service.post(caller, headers, body(rows))

    async def poll(self, operation_id: str, wait: float | None = None, caller: str = "key:1") -> Answer:
        return await self.service.poll(caller, operation_id, wait)

    def command(self) -> RunModel:
        message = self.publisher.published[-1].message
        assert isinstance(message, RunModel)
        return message

    async def posted(
        self, headers: dict[str, str], rows: object = None, caller: str = "key:1"
    ) -> tuple["asyncio.Task[Answer]", RunModel]:
        """A request that waits for its answer, and its command."""
        before = len(self.publisher.published)
        task = asyncio.create_task(self.post(headers, rows or {"alcohol": 12}, caller))
        async with asyncio.timeout(20):
            while len(self.publisher.published) == before:  # noqa: ASYNC110  # a recording tells nobody
                await asyncio.sleep(0)
        return task, self.command()

    async def reply(self, operation: Operation) -> None:
        await self.results.deliver(Event(phase="p", operation=operation, reply_to_session="session"))


@pytest.fixture
def instance() -> Instance:
    return Instance()


async def test_an_answer_within_the_wait_is_a_200_and_is_not_stored(instance: Instance) -> None:
    task, command = await instance.posted({"prefer": "wait=30"})
    await instance.reply(command.operation_document("completed", result=[5.6]))
    answer = await task
    assert (answer.status, answer.operation.result) == (200, [5.6])
    assert answer.headers == {"Preference-Applied": "wait=30"}
    (published,) = instance.publisher.published
    assert (published.queue, published.may_share, published.in_flight) == ("run-model", True, 0)
    assert await instance.operations.read(command.operation) is None


async def test_an_error_has_its_own_status(instance: Instance) -> None:
    task, command = await instance.posted({})
    error = MalformedRequest("no").problem()
    await instance.reply(command.operation_document("error", error=error))
    assert (await task).status == 400


async def test_without_an_answer_it_is_a_202_that_can_be_polled(instance: Instance) -> None:
    answer = await instance.post(NO_WAIT, {"alcohol": 12})
    operation_id = instance.command().operation
    assert (answer.status, answer.headers["Location"]) == (202, f"/predict/{operation_id}")
    assert answer.headers["Retry-After"] == "1"
    polled = await instance.poll(operation_id)
    assert (polled.status, polled.operation.status) == (202, "pending")


async def test_a_training_ends_the_wait_of_a_client_that_named_none(instance: Instance) -> None:
    task, command = await instance.posted({})
    await instance.reply(command.operation_document("running", training=Training(state="REQUESTED")))
    answer = await task
    assert (answer.status, answer.headers["Retry-After"]) == (202, "3")


async def test_rows_too_large_for_a_message_go_through_the_store(instance: Instance) -> None:
    rows = [{"alcohol": number} for number in range(200)]
    await instance.post(NO_WAIT, rows)
    command = instance.command()
    assert (command.prediction_input, command.input_stored) == (None, True)
    assert await instance.operations.get_input(command.operation) == rows


async def test_the_same_key_and_request_is_one_operation(instance: Instance) -> None:
    headers = NO_WAIT | {"idempotency-key": "order-1"}
    first, second = [await instance.post(headers, {"alcohol": 12}) for _ in range(2)]
    assert first.operation.operation_id == second.operation.operation_id
    (published,) = instance.publisher.published
    assert not published.may_share, "a message id of its own keeps duplicates out"


async def test_key_is_one_operation_until_that_has_expired_and_then_a_new_one(instance: Instance) -> None:
    """An expired one was answered 202, and every poll of it 404, for ever."""
    headers = NO_WAIT | {"idempotency-key": "order-1"}
    first = (await instance.post(headers, {"alcohol": 12})).operation
    assert first.expires_at is not None
    instance.now = first.expires_at - timedelta(seconds=1)
    assert (await instance.post(headers, {"alcohol": 12})).operation.operation_id == first.operation_id
    instance.now = first.expires_at + timedelta(seconds=1)
    answer = await instance.post(headers, {"alcohol": 13})
    assert (answer.status, answer.operation.operation_id) == (202, instance.command().operation)
    assert answer.operation.operation_id != first.operation_id
    polled = await instance.poll(instance.command().operation)
    assert (polled.status, polled.operation.status) == (202, "pending")
    assert len(instance.publisher.published) == 2


async def test_key_of_an_instance_whose_clock_is_ahead_is_the_same_operation(instance: Instance) -> None:
    headers = NO_WAIT | {"idempotency-key": "order-1"}
    first = (await instance.post(headers, {"alcohol": 12})).operation
    assert first.expires_at is not None
    lifetime = first.expires_at - instance.now
    begins = datetime.fromtimestamp(
        (instance.now.timestamp() // lifetime.total_seconds() + 3) * lifetime.total_seconds(), UTC
    )
    instance.now = begins + timedelta(seconds=20)
    ahead = (await instance.post(headers, {"alcohol": 12})).operation
    instance.now = begins - timedelta(seconds=20)
    behind = (await instance.post(headers, {"alcohol": 12})).operation
    assert first.operation_id != ahead.operation_id == behind.operation_id


async def test_a_key_whose_request_was_never_published_is_published(instance: Instance) -> None:
    headers = NO_WAIT | {"idempotency-key": "order-1"}
    instance.publisher.available = False
    refused = await instance.post(headers, {"alcohol": 12})
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    instance.publisher.available = True
    answer = await instance.post(headers, {"alcohol": 12})
    assert (answer.status, answer.operation.operation_id) == (202, instance.command().operation)


async def test_the_commands_in_flight_are_counted(instance: Instance) -> None:
    task, command = await instance.posted({"prefer": "wait=30"})
    await instance.post(NO_WAIT, {"alcohol": 12})
    assert [published.in_flight for published in instance.publisher.published] == [0, 1]
    await instance.reply(command.operation_document("completed"))
    await task


async def test_caller_that_fills_its_places_is_refused_and_others_are_answered() -> None:
    instance = Instance(max_waiting=4)
    waiting = [await instance.posted({"prefer": "wait=30"}) for _ in range(2)]
    with pytest.raises(TooManyRequests):
        await instance.post({"prefer": "wait=30"}, {"alcohol": 12})
    other, command = await instance.posted({"prefer": "wait=30"}, caller="key:2")
    await instance.reply(command.operation_document("completed", result=[5.6]))
    assert (await other).status == 200
    for task, command in waiting:
        await instance.reply(command.operation_document("completed", result=[5.6]))
        assert (await task).status == 200
    assert (await instance.post(NO_WAIT, {"alcohol": 12})).status == 202


async def test_request_whose_client_has_left_gives_its_place_back() -> None:
    instance = Instance(max_waiting=2)
    task, _ = await instance.posted({"prefer": "wait=30"})
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert instance.results.in_flight == 0
    assert (await instance.post(NO_WAIT, {"alcohol": 12})).status == 202


async def test_poll_without_a_place_to_wait_is_answered_at_once() -> None:
    instance = Instance(max_waiting=2)
    operation_id = (await instance.post(NO_WAIT, {"alcohol": 12})).operation.operation_id or ""
    waiting = asyncio.create_task(instance.poll(operation_id, wait=60))
    await asyncio.sleep(0)  # the poll has its place
    answer = await instance.poll(operation_id, wait=60)
    assert (answer.status, answer.operation.status) == (202, "pending")
    assert "Preference-Applied" not in answer.headers
    assert (await instance.post(NO_WAIT, {"alcohol": 12})).status == 202, "polls take no place of a prediction"
    assert not waiting.done()
    waiting.cancel()


async def test_bodies_under_way_are_bounded_by_caller() -> None:
    instance = Instance(max_body_bytes=1000, max_bodies_bytes=2000)
    rows = {"text": "x" * 700}
    waiting, command = await instance.posted({"prefer": "wait=30"}, rows)
    with pytest.raises(TooManyRequests):
        await instance.post({}, rows)
    await instance.reply(command.operation_document("completed", result=[5.6]))
    await waiting
    assert (await instance.post(NO_WAIT, rows)).status == 202


async def test_bodies_of_polls_that_wait_are_a_fair_share_too() -> None:
    """A poll may carry any body, which the host keeps while the poll waits: 60 of 15 MB held 900 MB."""
    instance = Instance(max_body_bytes=1000, max_bodies_bytes=2000)
    operation_id = (await instance.post(NO_WAIT, {"alcohol": 12})).operation.operation_id or ""
    poll = json.dumps({"runId": operation_id, "predictionParameters": "x" * 800}).encode()
    waiting = asyncio.create_task(instance.service.post("key:1", {"prefer": "wait=60"}, poll))
    await asyncio.sleep(0)
    at_once = await instance.service.post("key:1", {"prefer": "wait=60"}, poll)
    assert (at_once.status, at_once.headers.get("Preference-Applied")) == (202, None)
    assert not waiting.done()
    await instance.operations.record(Operation(operation_id=operation_id, status="completed"))
    assert (await waiting).status == 200
    assert (await instance.post(NO_WAIT, {"text": "x" * 800})).status == 202, "the bytes are given back"


async def test_body_that_is_too_large_is_told_so_and_not_to_come_again() -> None:
    instance = Instance(max_body_bytes=100, max_bodies_bytes=200)
    with pytest.raises(RequestTooLarge):
        await instance.post({}, {"text": "x" * 1000})


async def test_backlog_is_bounded_and_shrinks_by_outcomes_and_trainings() -> None:
    instance = Instance(max_pending=4)
    commands = []
    for _ in range(2):
        assert (await instance.post(NO_WAIT, {"alcohol": 12})).status == 202
        commands.append(instance.command())
    answer = await instance.post(NO_WAIT, {"alcohol": 12})
    assert (answer.status, answer.headers) == (429, {"Retry-After": "10"})
    await instance.reply(commands[0].operation_document("completed", result=[5.6]))
    await instance.reply(commands[1].operation_document("running", training=Training(state="REQUESTED")))
    assert len(instance.results.backlog) == 0
    assert (await instance.post(NO_WAIT, {"alcohol": 12})).status == 202


async def test_request_that_the_bus_refuses_is_no_backlog(instance: Instance) -> None:
    instance.publisher.available = False
    assert (await instance.post({}, {"alcohol": 12})).status == 503
    assert len(instance.results.backlog) == 0


async def test_another_caller_with_the_same_key_has_an_operation_of_its_own(instance: Instance) -> None:
    headers = NO_WAIT | {"idempotency-key": "order-4711"}
    first = await instance.post(headers, {"alcohol": 12}, caller="key:1")
    second = await instance.post(headers, {"alcohol": 13}, caller="key:2")
    assert (first.status, second.status) == (202, 202)
    assert first.operation.operation_id != second.operation.operation_id
    assert [each.message.caller for each in instance.publisher.published if isinstance(each.message, RunModel)] == [
        "key:1",
        "key:2",
    ]


async def test_caller_has_the_same_operation_through_another_instance() -> None:
    store = MemoryStore()
    one, other = Instance(store), Instance(store)
    headers = NO_WAIT | {"idempotency-key": "order-4711"}
    first, second = await one.post(headers, {"alcohol": 12}), await other.post(headers, {"alcohol": 12})
    assert first.operation.operation_id == second.operation.operation_id
    assert other.publisher.published == []


@pytest.mark.parametrize("headers", [NO_WAIT, NO_WAIT | {"idempotency-key": "order-4711"}])
async def test_bound_operation_is_unknown_to_other_callers(headers: dict[str, str]) -> None:
    store = MemoryStore()
    instance, other = Instance(store, operations_bound_to_caller=True), Instance(store, operations_bound_to_caller=True)
    operation_id = (await instance.post(headers, {"alcohol": 12})).operation.operation_id or ""
    for each in (instance, other):
        assert (await each.poll(operation_id)).status == 202
        with pytest.raises(UnknownRun) as refusal:
            await each.poll(operation_id, caller="key:2")
        with pytest.raises(UnknownRun) as unknown:
            await each.poll("0" * 32, caller="key:2")
        assert refusal.value.detail.replace(operation_id, "0" * 32) == unknown.value.detail


async def test_unbound_operation_is_known_to_all_callers(instance: Instance) -> None:
    operation_id = (await instance.post(NO_WAIT, {"alcohol": 12})).operation.operation_id or ""
    assert (await instance.poll(operation_id, caller="key:2")).status == 202


async def test_command_carries_the_trace_of_its_message(recorded: Recording) -> None:
    instance = Instance()
    await instance.post(
        NO_WAIT | {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"alcohol": 12}
    )
    assert id_of(recorded.span("send run-model")) in str(instance.command().traceparent)


async def test_command_carries_the_trace_of_its_client_where_nothing_is_recorded() -> None:
    instance = Instance()
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await instance.post(NO_WAIT | {"traceparent": traceparent}, {"alcohol": 12})
    assert instance.command().traceparent == traceparent
