"""What somebody with the right to send and to receive can do on the bus, and what stands in its queues."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage

from functions.catalog import load_catalog
from functions.contracts import Operation, RunModel, utc_now
from functions.operations import Operations, open_store
from functions.parameters import canonical_parameters, training_key
from ondemand.queues import QueueCounts, administration_client, endpoint
from ondemand.stack import Stack
from tests.harness.stack import CATALOG

PATIENCE_S = 120
POLL_S = 0.2


async def send(stack: Stack, queue: str, message: ServiceBusMessage | AmqpAnnotatedMessage) -> None:
    async with (
        ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as bus,
        bus.get_queue_sender(queue) as sender,
    ):
        await sender.send_messages(message)


async def take(stack: Stack, queue: str, sub_queue: ServiceBusSubQueue | None = None) -> ServiceBusReceivedMessage:
    """Receive the next message, which is then gone."""
    async with (
        ServiceBusClient.from_connection_string(stack.addresses.servicebus_connection) as bus,
        bus.get_queue_receiver(queue, sub_queue=sub_queue) as receiver,
    ):
        (message,) = await receiver.receive_messages(max_wait_time=PATIENCE_S)
        await receiver.complete_message(message)
    return message


async def counts(stack: Stack) -> Mapping[str, QueueCounts]:
    """The messages of each queue by its name."""

    def ask() -> dict[str, QueueCounts]:
        with administration_client(endpoint(None, None, stack.data)) as administration:
            return {queue.name: QueueCounts.of(queue) for queue in administration.list_queues_runtime_properties()}

    return await asyncio.to_thread(ask)


async def until_empty(stack: Stack, *queues: str) -> None:
    """Wait until nothing is active or dead in *queues*. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while await _waiting(stack, queues):  # noqa: ASYNC110  # a queue tells nobody that it is empty
            await asyncio.sleep(POLL_S)


async def until_dead(stack: Stack, queue: str) -> None:
    """Wait until a message is dead in *queue*. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await counts(stack))[queue].dead_letter:  # noqa: ASYNC110  # as above
            await asyncio.sleep(POLL_S)


async def _waiting(stack: Stack, queues: Sequence[str]) -> int:
    now = await counts(stack)
    return sum(now[queue].active + now[queue].dead_letter for queue in queues)


async def begun(stack: Stack) -> str:
    """A made-up operation, visible as its 202 would make it: a poll of any other is 404."""
    operation = Operation(operation_id=uuid.uuid4().hex, status="pending", expires_at=utc_now() + timedelta(hours=1))
    await Operations(open_store(stack.addresses.operations)).begin(operation)
    return str(operation.operation_id)


async def outcome(http: httpx.AsyncClient, operation: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
    """The document of an operation that has ended."""
    async with asyncio.timeout(patience_s):
        while (response := await http.get(f"/predict/{operation}", headers={"Prefer": "wait=5"})).status_code == 202:
            pass
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def command(operation: str, *, session: str = "nobody", model_type: str = "wine", **parameters: Any) -> RunModel:
    """A command as `predict` would send it."""
    values, errors = canonical_parameters(load_catalog(CATALOG).models[model_type].parameters, parameters)
    if errors:
        raise ValueError(errors)
    now = utc_now()
    return RunModel(
        operation=operation,
        reply_to_session=session,
        model_type=model_type,
        parameters=values,
        key=training_key(model_type, values),
        prediction_input={},
        created_at=now,
        deadline=now + timedelta(minutes=10),
        expires_at=now + timedelta(hours=1),
    )


def tracebacks(stack: Stack, part: str) -> int:
    """How many a part has logged since it was started."""
    return stack.log_of(part).read_text(errors="replace").count("Traceback")
