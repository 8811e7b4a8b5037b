"""How clients reach a broker."""


def connection_string(host: str, port: int) -> str:
    """What a client needs, for messages with the AMQP port, for administration with the HTTPS port.

    The key is not checked. `UseDevelopmentEmulator=true` turns TLS off for messages; administration has it always.
    """
    return (
        f"Endpoint=sb://{host}:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
    )
