"""What the unmodified asynchronous SDK reaches: sends, batches, receive and complete."""

from __future__ import annotations

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from benchmarks.process import Sample, ServerProcess, metered

QUEUE = "work"
BODY = b"x" * 1024
BATCH = 100
PREFETCH = 200
WARM_UP = 50
WAIT = 30.0  # seconds


def connect(server: ServerProcess) -> ServiceBusClient:
    """A client that reports an error instead of trying again."""
    return ServiceBusClient.from_connection_string(server.connection_string, retry_total=0)


async def send(sender: ServiceBusSender, count: int) -> None:
    """One after the other, each acknowledged before the next."""
    for _ in range(count):
        await sender.send_messages(ServiceBusMessage(BODY))


async def send_batches(sender: ServiceBusSender, count: int) -> None:
    """A hundred at a time."""
    for _ in range(count // BATCH):
        await sender.send_messages([ServiceBusMessage(BODY) for _ in range(BATCH)])


async def receive_and_complete(receiver: ServiceBusReceiver, count: int) -> None:
    """Up to a hundred at a time out of what was prefetched, completed one after the other on the same receiver."""
    completed = 0
    while completed < count:
        messages = await receiver.receive_messages(min(BATCH, count - completed), max_wait_time=WAIT)
        if not messages:
            raise RuntimeError(f"{completed} of {count} messages came")
        for message in messages:
            await receiver.complete_message(message)
        completed += len(messages)


async def measure(server: ServerProcess, count: int, sample: Sample) -> None:
    """Add ``send``, ``batch`` and ``receive``. What is sent is received, so the queue is empty again afterwards."""
    batched = 5 * count // BATCH * BATCH
    async with connect(server) as client, client.get_queue_sender(QUEUE) as sender:
        await send(sender, WARM_UP)
        with metered(sample, "send", count, server):
            await send(sender, count)
        async with client.get_queue_receiver(QUEUE, prefetch_count=PREFETCH) as receiver:
            await receive_and_complete(receiver, WARM_UP)
            with metered(sample, "receive", count, server):
                await receive_and_complete(receiver, count)
        with metered(sample, "batch", batched, server):
            await send_batches(sender, batched)
