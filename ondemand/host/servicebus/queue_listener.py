"""Triggers on queues and dead-letter queues."""

import logging

from azure.servicebus import ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient

from ondemand.host.index import IndexedFunction, ServiceBusTrigger
from ondemand.host.invocation import Invoker
from ondemand.host.options import ServiceBusOptions
from ondemand.host.servicebus.listener import SOCKET_TIMEOUT_S, Listener
from ondemand.host.servicebus.pump import MessagePump

logger = logging.getLogger(__name__)


class QueueListener(Listener):
    """One receiver on a queue, ``maxConcurrentCalls`` messages at a time."""

    def __init__(
        self, function: IndexedFunction, trigger: ServiceBusTrigger, options: ServiceBusOptions, invoker: Invoker
    ) -> None:
        super().__init__(function, trigger, options, invoker)
        self._pump = MessagePump(
            self._invoke,
            max_calls=options.max_concurrent_calls,
            max_renewal=options.max_auto_lock_renewal_duration,
            pauses=trigger.dead_letter,
        )

    def stop(self) -> None:
        super().stop()
        self._pump.stop()

    async def _listen(self, client: ServiceBusClient) -> None:
        receiver = client.get_queue_receiver(
            self._trigger.queue,
            sub_queue=ServiceBusSubQueue.DEAD_LETTER if self._trigger.dead_letter else None,
            prefetch_count=self._options.prefetch_count,
            socket_timeout=SOCKET_TIMEOUT_S,
        )
        async with receiver:
            logger.info("%s: listening to %s", self._function.name, self._trigger.entity)
            self._connected()
            await self._pump.run(receiver)
