"""Keeps a Service Bus trigger connected to its queue, also across restarts of the broker."""

import asyncio
import gc
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient

from ondemand.host.index import IndexedFunction, ServiceBusTrigger
from ondemand.host.invocation import Invoker
from ondemand.host.options import ServiceBusOptions
from ondemand.host.servicebus.connection import open_client
from ondemand.host.servicebus.messages import to_trigger_input

FIRST_DELAY_S, LONGEST_DELAY_S = 0.25, 5.0  # between attempts to connect
SOCKET_TIMEOUT_S = 0.05
"""How long the SDK's keep-alive reads at a time; a message that arrives meanwhile waits as long. 0.2 s by default."""
LOST = (AzureError, OSError, ValueError)
"""What the SDK raises when a connection is lost. ValueError: it has shut a receiver down that is still in use."""
logger = logging.getLogger(__name__)


class Listener(ABC):
    """Runs the function of one trigger until it is stopped, reconnecting with back-off."""

    def __init__(
        self, function: IndexedFunction, trigger: ServiceBusTrigger, options: ServiceBusOptions, invoker: Invoker
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._options = options
        self._invoker = invoker
        self._stopping = asyncio.Event()
        self._delay = FIRST_DELAY_S

    async def run(self, environ: Mapping[str, str]) -> None:
        """Listen until stopped and every message is settled; raises HostError if the connection is not configured."""
        async with open_client(self._trigger.connection, environ) as client:
            while not self._stopping.is_set():
                try:
                    await self._listen(client)
                except LOST as error:
                    await self._back_off(error)

    def stop(self) -> None:
        """Receive no more; ``run`` returns when the running invocations have finished."""
        self._stopping.set()

    @abstractmethod
    async def _listen(self, client: ServiceBusClient) -> None:
        """Connect and run until stopped; raise one of LOST when the connection is lost."""

    def _connected(self) -> None:
        self._delay = FIRST_DELAY_S

    async def _invoke(self, message: ServiceBusReceivedMessage) -> None:
        await self._invoker.invoke(self._function, to_trigger_input(message, binary=self._trigger.binary))

    async def _back_off(self, error: Exception) -> None:
        reason = str(error).partition("\n")[0]
        logger.warning(
            "%s: no %s (%s); trying again in %.1f s", self._function.name, self._trigger.entity, reason, self._delay
        )
        gc.collect()  # azure-servicebus 7.15 forgets the socket of a connection that was ended while it read
        with suppress(TimeoutError):  # the pause is over
            async with asyncio.timeout(self._delay):
                await self._stopping.wait()
        self._delay = min(2 * self._delay, LONGEST_DELAY_S)
