"""The connection strings of a broker."""

POLICY = "RootManageSharedAccessKey"
"""The name of the one shared access policy, as every namespace of Service Bus has it."""


def connection_string(host: str, port: int, key: str) -> str:
    """The connection string for messages (with the AMQP port) or for administration (with the HTTPS port).

    `UseDevelopmentEmulator=true` turns TLS off for messages; administration always has it.
    """
    return f"Endpoint=sb://{host}:{port};SharedAccessKeyName={POLICY};SharedAccessKey={key};UseDevelopmentEmulator=true"
