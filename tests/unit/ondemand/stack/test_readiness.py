"""How the stack waits for a host, on a real socket."""

import asyncio
from collections.abc import Iterable, Iterator

import pytest

from ondemand.stack.readiness import RAISED_AT_MOST, NotReadyError, wait_until_ready


class Host:
    """Answers each request with the next status, and the last one for ever."""

    def __init__(self, statuses: Iterable[int]) -> None:
        self._statuses: Iterator[int] = iter(statuses)
        self._status = 0
        self.asked = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self._status = next(self._statuses, self._status)
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self._status)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def wait_for(host: Host) -> None:
    server = await asyncio.start_server(host.answer, "127.0.0.1", 0)
    async with server:
        await wait_until_ready(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_function_that_raises_is_not_waited_for() -> None:
    host = Host([500])
    with pytest.raises(NotReadyError, match="500"):
        await wait_for(host)
    assert host.asked == RAISED_AT_MOST


async def test_host_that_is_not_ready_yet_is_waited_for() -> None:
    raised = [500] * (RAISED_AT_MOST - 1)
    host = Host([*raised, 503, *raised, 503, 200])
    await wait_for(host)
    assert host.asked == 2 * RAISED_AT_MOST + 1
