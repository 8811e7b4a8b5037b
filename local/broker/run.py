"""The broker as a process: event loop, signals, readiness."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local import lifetime
from local.broker.config import read_config
from local.broker.journal.journal import Journal
from local.broker.server import Server
from local.broker.service.broker import Broker


def run(host: str, port: int, config: Path, data: Path | None, *, end_with_parent: bool) -> None:
    """Serve until SIGTERM or SIGINT; without ``data``, from memory only. Raises ConfigError and JournalError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    broker = Broker(read_config(config), time.time)
    # Not closed before the process ends: the last connections to go still change queues.
    server = Server(broker, Journal(data, broker.queues()).commit) if data else Server(broker)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(host, port, server, end_with_parent))


def connection_string(host: str, port: int) -> str:
    """What an azure-servicebus client needs; the key is not checked."""
    return (
        f"Endpoint=sb://{host}:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
    )


async def _serve(host: str, port: int, server: Server, end_with_parent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
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
