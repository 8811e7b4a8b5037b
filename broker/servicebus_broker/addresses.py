"""The connection strings of a broker."""


def connection_string(host: str, port: int) -> str:
    """The connection string for messages (with the AMQP port) or for administration (with the HTTPS port).

    The key is not checked. `UseDevelopmentEmulator=true` turns TLS off for messages; administration always has it.
    """
    return (
        f"Endpoint=sb://{host}:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
    )
