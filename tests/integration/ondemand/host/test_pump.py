"""The pump on a real receiver that loses its link."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient

from ondemand.host.servicebus.listener import LOST
from ondemand.host.servicebus.pump import MessagePump
from tests.integration.ondemand.host.conftest import start_broker


async def test_message_whose_link_was_lost_is_settled_by_the_next_receiver(tmp_path: Path) -> None:
    """The SDK raises ValueError for a link that it has closed itself: the host ended, and nobody was answered."""
    broker = start_broker(tmp_path / "broker.log")
    handling, may_end = asyncio.Event(), asyncio.Event()

    async def handle(_: ServiceBusReceivedMessage) -> None:
        handling.set()
        await may_end.wait()

    try:
        async with ServiceBusClient.from_connection_string(
            broker.addresses["connection_string"], retry_total=0
        ) as client:
            async with client.get_queue_sender("work") as sender:
                await sender.send_messages(ServiceBusMessage(b"{}"))
            pump = MessagePump(handle, max_calls=1, max_renewal=timedelta(minutes=5))
            async with client.get_queue_receiver("work") as lost:
                pumping = asyncio.create_task(pump.run(lost))
                await handling.wait()
                await lost._close_handler()  # type: ignore[no-untyped-call]  # as the SDK itself when it is cut
                may_end.set()
                with pytest.raises(LOST):  # after which the listener connects again
                    await pumping
            pump.stop()
            async with client.get_queue_receiver("work") as receiver:
                await pump.run(receiver)
                assert await receiver.peek_messages() == []
    finally:
        broker.process.kill()
        broker.process.wait()
