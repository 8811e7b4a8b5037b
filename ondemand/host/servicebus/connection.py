"""The ``connection`` of a binding: a setting with a connection string, or ``<name>__fullyQualifiedNamespace``."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from azure.servicebus.aio import ServiceBusClient

from ondemand.host.errors import HostError


@asynccontextmanager
async def open_client(connection: str, environ: Mapping[str, str]) -> AsyncIterator[ServiceBusClient]:
    """Yield a client for the connection named *connection*; raise HostError if no setting describes it.

    The client retries nothing itself: the listeners reconnect, and say so in the log.
    """
    if connection_string := environ.get(connection):
        async with ServiceBusClient.from_connection_string(connection_string, retry_total=0) as client:
            yield client
    elif namespace := environ.get(f"{connection}__fullyQualifiedNamespace"):
        from azure.identity.aio import DefaultAzureCredential

        client_id = environ.get(f"{connection}__clientId")
        async with (
            DefaultAzureCredential(managed_identity_client_id=client_id) as credential,
            ServiceBusClient(namespace, credential, retry_total=0) as client,
        ):
            yield client
    else:
        raise HostError(f"neither {connection} nor {connection}__fullyQualifiedNamespace is set")
