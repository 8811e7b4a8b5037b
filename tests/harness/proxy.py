"""A TCP proxy between two parts that cuts, delays, holds back and loses what it carries."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from ondemand.stack.addresses import HOST, usable_port

CHUNK = 65_536


def port_of(address: str) -> int:
    """The port in an address of a part, be it a URL or a connection string."""
    url = address.removeprefix("Endpoint=").partition(";")[0]
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"{address} has no port")
    return port


class Proxy:
    """Carries connections to *target* until told otherwise. Its attributes may change at any time.

    ``delay_s`` is added to every piece in both directions. While ``half_open``, connections stay open and carry
    nothing. A connection on which a client sends ``lose_answers_to`` gets no more answers; ``lost`` is set then.
    With ``meet`` the pieces that hold its text are held back until so many connections have sent one.
    """

    def __init__(self, target: int) -> None:
        self.port = usable_port(0)
        self.delay_s = 0.0
        self.refuse = False
        self.lose_answers_to: bytes | None = None
        self.lost = asyncio.Event()
        self._target = target
        self._passing = asyncio.Event()
        self._passing.set()
        self._meeting: tuple[bytes, asyncio.Barrier] | None = None
        self._pairs: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None

    def address(self, address: str) -> str:
        """The *address* of the target, through this proxy."""
        return address.replace(f":{self._target}", f":{self.port}", 1)

    @property
    def half_open(self) -> bool:
        return not self._passing.is_set()

    @half_open.setter
    def half_open(self, value: bool) -> None:
        if value:
            self._passing.clear()
        else:
            self._passing.set()

    def meet(self, text: bytes, parties: int) -> None:
        """Let the next *parties* connections that send *text* go on together."""
        self._meeting = text, asyncio.Barrier(parties)

    def cut(self) -> None:
        """Reset every connection that is open."""
        for pair in list(self._pairs.values()):
            for writer in pair:
                writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._pairs)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._pairs[task] = writer, far_writer
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, far_writer, connection))
                group.create_task(self._answers(far_reader, writer, connection))
        except* OSError:
            pass  # one side has gone: so does the other
        finally:
            del self._pairs[task]
            for each in (writer, far_writer):
                each.transport.abort()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: "_Connection"
    ) -> None:
        async for piece in self._pieces(reader):
            if self._meeting is not None and self._meeting[0] in piece:
                barrier = self._meeting[1]
                with contextlib.suppress(asyncio.BrokenBarrierError):
                    await barrier.wait()
                self._meeting = None
            if self.lose_answers_to is not None and self.lose_answers_to in piece and not connection.mute:
                connection.mute = True
                self.lost.set()
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: "_Connection"
    ) -> None:
        async for piece in self._pieces(reader):
            if connection.mute:
                continue
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError("the target closed the connection")

    async def _pieces(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while piece := await reader.read(CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._passing.wait()
            yield piece


class _Connection:
    mute = False
