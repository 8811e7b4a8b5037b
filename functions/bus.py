"""Publishing to Service Bus: one `Outbox` a queue."""

import asyncio
import os
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError
from azure.servicebus.aio import ServiceBusClient

from functions.contracts import AnyMessage
from functions.outbox.messages import Publication
from functions.outbox.sender import Outbox, unavailable
from functions.settings import BusSettings


def connect(settings: BusSettings) -> ServiceBusClient:
    """A client by connection string, or by workload identity when only the namespace is named."""
    # Retries are ours (a failed publish is a 503 or a later retry), so that a dead bus answers fast.
    options: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.1}
    # The SDK trusts the authorities of certifi alone, whatever the variable says that OpenSSL has for private ones.
    options["connection_verify"] = os.environ.get("SSL_CERT_FILE")
    if settings.servicebus_connection:
        return ServiceBusClient.from_connection_string(settings.servicebus_connection, **options)
    from azure.identity.aio import DefaultAzureCredential

    namespace = settings.servicebus_connection__fullyqualifiednamespace or ""
    credential = DefaultAzureCredential(managed_identity_client_id=settings.servicebus_connection__clientid)
    return ServiceBusClient(namespace, credential, **options)


class Bus:
    """The `Publisher` that sends to Service Bus."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self.client = connect(settings)
        self._outboxes: dict[str, Outbox] = {}

    @property
    def max_message_bytes(self) -> int:
        return self.settings.max_message_bytes

    async def open(self, *queues: str) -> None:
        """Open the senders of these queues now, so that no client pays for it. Raises Unavailable."""
        try:
            async with asyncio.timeout(self.settings.send_timeout_s):
                await asyncio.gather(*(self._outbox(queue).open() for queue in queues))
        except (AzureError, OSError, TimeoutError, ValueError) as error:
            raise unavailable(error) from error

    def prepare(self, *queues: str) -> None:
        """Begin to open the senders of these queues, beside whatever has to be done before the first message."""
        for queue in queues:
            self._outbox(queue)

    async def publish(
        self,
        queue: str,
        message: AnyMessage,
        at: datetime | None = None,
        *,
        may_share: bool = False,
        in_flight: int = 0,
        body: bytes = b"",
    ) -> None:
        """See `Publisher.publish`."""
        await self._outbox(queue).put(Publication(message, at, may_share, in_flight, body))

    async def close(self) -> None:
        await asyncio.gather(*(outbox.close() for outbox in self._outboxes.values()))
        await self.client.close()

    def _outbox(self, queue: str) -> Outbox:
        if queue not in self._outboxes:
            self._outboxes[queue] = Outbox(self.client, queue, self.settings.send_timeout_s, self.max_message_bytes)
        return self._outboxes[queue]
