"""Sending and receiving with the unmodified SDK."""

from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

WAIT = 30


async def send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    # The connection is too short for heartbeats; without them the SDK closes it half a second faster.
    async with client.get_queue_sender(queue, keep_alive=0) as sender:
        for message in messages:
            await sender.send_messages(message)


async def receive(receiver: ServiceBusReceiver, count: int = 1) -> list[ServiceBusReceivedMessage]:
    """Exactly ``count`` messages, in any number of calls."""
    messages: list[ServiceBusReceivedMessage] = []
    while len(messages) < count:
        batch = await receiver.receive_messages(count - len(messages), max_wait_time=WAIT)
        assert batch, f"{len(messages)} of {count} messages came"
        messages += batch
    return messages
