"""The broker as a process: event loop, signals, readiness."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from local import lifetime
from local.broker.config import read_config
from local.broker.queues.settings import QueueSettings
from local.broker.server import Server


def run(host: str, port: int, config: Path, *, end_with_parent: bool) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    queues = read_config(config)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(host, port, queues, end_with_parent))


def connection_string(host: str, port: int) -> str:
    """What an azure-servicebus client needs; the key is not checked."""
    return (
        f"Endpoint=sb://{host}:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
    )


async def _serve(host: str, port: int, queues: list[QueueSettings], end_with_parent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    server = Server(queues)
    port = await server.start(host, port)
    if end_with_parent:
        lifetime.end_with_parent()
    lifetime.announce_ready(connection_string=connection_string(host, port))
    await stop.wait()
    await server.stop()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    # Not available on Windows; a third less CPU elsewhere.
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
