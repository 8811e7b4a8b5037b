"""A TCP forwarder that shows what passes: it counts calls where neither end has a counter."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65_536
Sink = Callable[[bytes], None]


class Tap:
    """Listens on a free port of 127.0.0.1 and forwards to *port* there.

    For each connection *open_sinks* makes two: what the client sends goes to the first, the answers to the second.
    """

    def __init__(self, port: int, open_sinks: Callable[[], tuple[Sink, Sink]]) -> None:
        self._target = port
        self._open_sinks = open_sinks
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent, answered = self._open_sinks()
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await asyncio.gather(_copy(reader, there_writer, sent), _copy(there_reader, writer, answered))
            finally:
                there_writer.close()
        except OSError:
            pass  # the connection breaks for the client as it did for us
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sink: Sink) -> None:
    while data := await reader.read(CHUNK):
        sink(data)
        writer.write(data)
        await writer.drain()
    with suppress(OSError):  # the other side has closed already
        writer.write_eof()
