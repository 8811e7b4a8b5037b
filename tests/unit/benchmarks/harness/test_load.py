"""The load tool against a server that it knows."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.harness.http_client import HttpError, post
from benchmarks.harness.load import closed_loop, open_loop

STALL_S = 0.5


class Server:
    """Echoes bodies. Answers request number *stalls_at*, and all that come meanwhile, only after STALL_S."""

    def __init__(self, stalls_at: int | None = None, breaks_at: int | None = None) -> None:
        self._stalls_at = stalls_at
        self._breaks_at = breaks_at
        self._numbers = itertools.count()
        self._open = asyncio.Event()
        self._open.set()
        self.at_once = self.most_at_once = 0
        self._connections: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
                await self._think(next(self._numbers))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _think(self, number: int) -> None:
        if number == self._breaks_at:
            raise ConnectionError
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        if number == self._stalls_at:
            self._open.clear()
            asyncio.get_running_loop().call_later(STALL_S, self._open.set)
        await self._open.wait()
        self.at_once -= 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        listening = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        host, port = listening.sockets[0].getsockname()
        async with listening:
            yield f"http://{host}:{port}/echo"
            async with asyncio.timeout(30):
                await asyncio.gather(*(each for each in self._connections if each))  # every client has gone


async def test_a_closed_loop_asks_everything_in_turn_and_keeps_every_answer() -> None:
    server = Server(stalls_at=0)  # until all connections have asked
    async with server.running() as url:
        load = await closed_loop(url, [post(url, body) for body in (b"0", b"1", b"2")], connections=4, seconds=0.6)

    assert len(load.answers) == len(load.latencies) > 8
    assert all(answer.body == str(request).encode() for request, answer in load.answers)
    assert {request for request, _ in load.answers} == {0, 1, 2}
    assert server.most_at_once == 4
    assert load.per_second == len(load.answers) / load.seconds


async def test_no_time_is_one_request_a_connection() -> None:
    async with Server().running() as url:
        load = await closed_loop(url, [post(url, b"x")], connections=1, seconds=0)

    assert len(load.answers) == 1


async def test_an_open_loop_sends_all_that_falls_due() -> None:
    async with Server().running() as url:
        load = await open_loop(url, [post(url, b"x")], rate=200, seconds=0.5, connections=2)

    assert len(load.answers) == 100


async def test_a_stall_is_in_the_latency_of_everything_that_fell_due_during_it() -> None:
    """A loop that waits for its answers would have one slow request to show, and none that it did not send."""
    async with Server(stalls_at=10).running() as url:
        load = await open_loop(url, [post(url, b"x")], rate=100, seconds=1, connections=1)

    # Due every 10 ms while nothing was answered for 500 ms: half of these 50 waited for more than half of the stall.
    assert sum(latency > STALL_S / 2 for latency in load.latencies) >= 20
    assert max(load.latencies) >= STALL_S - 0.01


async def test_a_connection_that_breaks_ends_the_load() -> None:
    async with Server(breaks_at=5).running() as url:
        with pytest.raises(ExceptionGroup) as failure:
            await closed_loop(url, [post(url, b"x")], connections=2, seconds=5)
    assert failure.group_contains(HttpError)
