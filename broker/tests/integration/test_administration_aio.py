"""Administration by the unmodified asynchronous client, and the effect of changes to queues on connected clients."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.aio.management import ServiceBusAdministrationClient
from azure.servicebus.exceptions import MessagingEntityNotFoundError, ServiceBusError

from tests.integration.conftest import QUEUES, RunningBroker

WAIT = 30


@pytest.fixture
async def administration(broker: RunningBroker) -> AsyncIterator[ServiceBusAdministrationClient]:
    """A client that trusts the broker's certificate and does not retry."""
    async with ServiceBusAdministrationClient.from_connection_string(
        broker.administration, connection_verify=broker.certificate, retry_total=0
    ) as client:
        yield client


@pytest.fixture
async def name(administration: ServiceBusAdministrationClient) -> AsyncIterator[str]:
    """A name for a queue, which is deleted after the test."""
    chosen = f"made/{uuid4().hex}"
    yield chosen
    try:
        await administration.delete_queue(chosen)
    except ResourceNotFoundError:
        return


async def was_accessed(administration: ServiceBusAdministrationClient, name: str) -> bool:
    """Whether a client has opened a link to a queue."""
    properties = await administration.get_queue_runtime_properties(name)
    assert properties.accessed_at_utc is not None
    assert properties.created_at_utc is not None
    return properties.accessed_at_utc > properties.created_at_utc


async def test_every_operation_works(administration: ServiceBusAdministrationClient, name: str) -> None:
    queue = await administration.create_queue(name, max_delivery_count=3)
    assert dict(queue) == dict(await administration.get_queue(name))
    with pytest.raises(ResourceExistsError):
        await administration.create_queue(name)
    queue.max_delivery_count = 4
    await administration.update_queue(queue)
    assert (await administration.get_queue(name)).max_delivery_count == 4
    with pytest.raises(HttpResponseError, match="requires_session"):
        await administration.update_queue(queue, requires_session=True)
    names = [each.name async for each in administration.list_queues(max_page_size=2)]
    assert {*QUEUES, name} <= set(names)
    counts = [each async for each in administration.list_queues_runtime_properties(max_page_size=2)]
    assert [each.name for each in counts] == names
    assert (await administration.get_queue_runtime_properties(name)).total_message_count == 0
    assert (await administration.get_namespace_properties()).name == "local"
    await administration.delete_queue(name)
    for ask in (administration.get_queue, administration.get_queue_runtime_properties, administration.delete_queue):
        with pytest.raises(ResourceNotFoundError):
            await ask(name)


async def test_receiver_of_a_deleted_queue_gets_an_error(
    administration: ServiceBusAdministrationClient, client: ServiceBusClient, name: str
) -> None:
    await administration.create_queue(name)
    async with client.get_queue_receiver(name) as receiver, client.get_queue_sender(name) as sender:
        await sender.send_messages(ServiceBusMessage("gone with its queue"))
        assert await receiver.receive_messages(1, max_wait_time=WAIT)
        waiting = asyncio.create_task(receiver.receive_messages(1, max_wait_time=WAIT))
        await administration.delete_queue(name)
        with pytest.raises(MessagingEntityNotFoundError):
            await waiting
        with pytest.raises(ServiceBusError):
            await sender.send_messages(ServiceBusMessage("on the link that was ended"))
        with pytest.raises(MessagingEntityNotFoundError):
            await sender.send_messages(ServiceBusMessage("on a new one"))


async def test_client_waiting_for_a_session_of_a_deleted_queue_gets_an_error(
    administration: ServiceBusAdministrationClient, client: ServiceBusClient, name: str
) -> None:
    await administration.create_queue(name, requires_session=True)
    receiver = client.get_queue_receiver(name, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT)
    opening = asyncio.create_task(receiver.__aenter__())
    async with asyncio.timeout(WAIT):
        while not await was_accessed(administration, name):
            assert not opening.done()
    await administration.delete_queue(name)
    with pytest.raises(MessagingEntityNotFoundError):
        await asyncio.wait_for(opening, WAIT)
    await receiver.close()


async def test_a_queue_deleted_and_created_again_is_a_new_one(
    administration: ServiceBusAdministrationClient, client: ServiceBusClient, name: str
) -> None:
    await administration.create_queue(name)
    async with client.get_queue_sender(name) as sender:
        await sender.send_messages(ServiceBusMessage("old"))
    await administration.delete_queue(name)
    await administration.create_queue(name)
    assert (await administration.get_queue_runtime_properties(name)).total_message_count == 0
    async with client.get_queue_sender(name) as sender:
        await sender.send_messages(ServiceBusMessage("new"))
    async with client.get_queue_receiver(name) as receiver:
        (message,) = await receiver.receive_messages(1, max_wait_time=WAIT)
        assert str(message) == "new"


async def test_update_applies_to_connected_clients(
    administration: ServiceBusAdministrationClient, client: ServiceBusClient, name: str
) -> None:
    queue = await administration.create_queue(name)
    async with client.get_queue_sender(name) as sender, client.get_queue_receiver(name) as receiver:
        await sender.send_messages(ServiceBusMessage("poison"))
        await administration.update_queue(queue, max_delivery_count=1)
        (message,) = await receiver.receive_messages(1, max_wait_time=WAIT)
        await receiver.abandon_message(message)
        assert (await administration.get_queue_runtime_properties(name)).dead_letter_message_count == 1
