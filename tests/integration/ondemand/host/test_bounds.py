"""What one client can take from the others: bytes, places, connections, lines of the log."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.ondemand.host.conftest import DEADLINE, RunningPart, host_arguments, host_environ, running

LIMIT = 1024 * 1024
FUNCTIONS = ("echo", "slow", "open_to_all", "boom")
FEW_FILES = "tests.integration.ondemand.host.few_files"
SHORT_PAUSES = "tests.integration.ondemand.host.short_pauses"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[RunningPart]:
    """The host with its HTTP functions alone; bodies of 1 MiB are allowed, and 3 requests at a time."""
    environ = {**host_environ("no bus", FUNCTIONS), "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(LIMIT)}
    with running(tmp_path / "host.log", *host_arguments("--drain-timeout", "1"), **environ) as part:
        yield part
        assert part.terminate() == 0


@asynccontextmanager
async def connected(host: RunningPart) -> AsyncIterator[Connection]:
    _, _, port = host.addresses["url"].rpartition(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def head(*lines: str, path: str = "/api/echo/a", method: str = "POST") -> bytes:
    known = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json")
    return "\r\n".join((*known, *lines, "", "")).encode()


async def status(connection: Connection) -> int:
    async with asyncio.timeout(DEADLINE):
        return int((await connection[0].readline()).split()[1])


async def rest(connection: Connection) -> bytes:
    """Until the host closes the connection."""
    async with asyncio.timeout(DEADLINE):
        return await connection[0].read()


async def get(host: RunningPart, path: str) -> int:
    async with connected(host) as connection:
        connection[1].write(head(path=path, method="GET"))
        return await status(connection)


def peak_mib(host: RunningPart) -> int:
    lines = Path(f"/proc/{host.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


async def send_without_end(connection: Connection, start: bytes, piece: bytes, pieces: int) -> None:
    connection[1].write(start)
    try:
        for _ in range(pieces):
            connection[1].write(piece)
            await connection[1].drain()
    except ConnectionError:
        return  # the host has closed


async def send_for_ever(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await writer.drain()


async def test_chunked_body_is_dropped_but_not_for_ever(tmp_path: Path) -> None:
    """The function runs at once, with an empty body, as in Azure."""
    environ = host_environ("no bus", FUNCTIONS)
    with running(tmp_path / "host.log", SHORT_PAUSES, *host_arguments()[1:], **environ) as host:
        before = peak_mib(host)
        async with connected(host) as (reader, writer):
            writer.write(head("Transfer-Encoding: chunked"))
            assert await status((reader, writer)) == 203
            piece = b"%x\r\n%s\r\n" % (LIMIT // 4, b"x" * (LIMIT // 4))
            with pytest.raises(ConnectionError):
                await send_for_ever(writer, piece)
        assert peak_mib(host) - before < 20
        assert host.terminate() == 0


async def test_rest_of_a_body_behind_its_answer_gets_no_other_answer(tmp_path: Path) -> None:
    environ = host_environ("no bus", FUNCTIONS)
    with running(tmp_path / "host.log", SHORT_PAUSES, *host_arguments()[1:], **environ) as host:
        async with connected(host) as connection:
            connection[1].write(head("Content-Length: 9", path="/nowhere") + b"half")
            assert await status(connection) == 404
            assert b"HTTP/1.1" not in await rest(connection)
        assert host.terminate() == 0


@pytest.mark.parametrize(
    "behind",
    [
        b"no request\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000,
        head("Content-Length: 9") + b"half",
        head("Content-Length: 9", "Content-Length: 8") + b"123456789",
    ],
    ids=["no request", "large head", "half a body", "two lengths"],
)
@pytest.mark.parametrize("others", [[], [(head("Content-Length: 4") + b"body", b"203")]], ids=["one", "two"])
async def test_what_is_wrong_behind_requests_takes_no_answer_from_them(
    tmp_path: Path, behind: bytes, others: list[tuple[bytes, bytes]]
) -> None:
    environ = host_environ("no bus", FUNCTIONS)
    with running(tmp_path / "host.log", SHORT_PAUSES, *host_arguments()[1:], **environ) as host:
        requests = [(head(path="/api/slow/0.5", method="GET"), b"200"), *others]
        async with connected(host) as connection:
            connection[1].write(b"".join(request for request, _ in requests) + behind)
            answers = (await rest(connection)).split(b"\r\n")
            statuses = [line[9:12] for line in answers if line.startswith(b"HTTP/1.1 ")]
            assert statuses[: len(requests)] == [answer for _, answer in requests]
            assert set(statuses[len(requests) :]) <= {b"400", b"408", b"431"}
        assert host.terminate() == 0


async def test_client_may_be_slow_with_a_body_that_no_function_reads(tmp_path: Path) -> None:
    environ = host_environ("no bus", FUNCTIONS)
    with running(tmp_path / "host.log", SHORT_PAUSES, *host_arguments()[1:], **environ) as host:
        async with connected(host) as connection:
            connection[1].write(head("Transfer-Encoding: chunked", path="/api/slow/1") + b"1\r\nx")
            assert await status(connection) == 200
        assert host.terminate() == 0


async def test_declared_body_is_refused_before_it_is_sent(host: RunningPart) -> None:
    async with connected(host) as connection:
        connection[1].write(head(f"Content-Length: {LIMIT + 1}", "Expect: 100-continue"))
        assert await status(connection) == 413
    async with connected(host) as connection:
        connection[1].write(head(f"Content-Length: {LIMIT}") + b"x" * LIMIT)
        assert await status(connection) == 203


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /", b"a" * 65536),
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 65536),
        (b"GET / HTTP/1.1\r\n", b"X: a\r\n" * 10_000),
        (head("Transfer-Encoding: chunked") + b"0\r\nX: ", b"a" * 65536),
        (head("Transfer-Encoding: chunked") + b"0\r\n", b"X: a\r\n" * 10_000),
    ],
    ids=["target", "header", "headers", "trailer", "trailers"],
)
async def test_head_and_trailers_are_bounded(host: RunningPart, start: bytes, piece: bytes) -> None:
    before = peak_mib(host)
    async with connected(host) as connection:
        await send_without_end(connection, start, piece, 1000)
    assert await get(host, "/admin/host/ping") == 200
    assert peak_mib(host) - before < 20


async def test_clients_that_stop_hold_no_place_and_are_cut(host: RunningPart) -> None:
    """Among them: no byte, half a head, half a body, and a body behind its answer."""
    halves = [b"", b"POST /api/ec", head("Content-Length: 9") + b"half", head("Content-Length: 9", path="/nowhere")]
    async with asyncio.TaskGroup() as cut:
        for number in range(200):

            async def hold(half: bytes = halves[number % len(halves)]) -> None:
                async with connected(host) as connection:
                    connection[1].write(half)
                    await rest(connection)

            cut.create_task(hold())
        assert await get(host, "/api/slow/0") == 200


async def test_anonymous_functions_answer_while_every_place_is_taken(host: RunningPart) -> None:
    async with connected(host) as first, connected(host) as second, connected(host) as third:
        for connection in (first, second, third):
            connection[1].write(head(path="/api/slow/600", method="GET"))
        await until_full(host)
        assert await get(host, "/api/open") == 200
        assert await get(host, "/admin/host/status") == 200


async def test_much_of_a_body_earns_no_long_silence(tmp_path: Path) -> None:
    """Bodies that are not complete take the bytes that all share."""
    environ = host_environ("no bus", FUNCTIONS)
    with running(tmp_path / "host.log", SHORT_PAUSES, *host_arguments()[1:], **environ) as host:
        async with connected(host) as connection:
            connection[1].write(head(f"Content-Length: {LIMIT}") + b"x" * (LIMIT - 1))
            assert await status(connection) == 408
        assert host.terminate() == 0


async def test_anonymous_functions_answer_while_there_are_too_many_connections(tmp_path: Path) -> None:
    environ = host_environ("no bus", FUNCTIONS)
    with running(tmp_path / "host.log", FEW_FILES, *host_arguments()[1:], **environ) as host:
        async with AsyncExitStack() as idle:
            for _ in range(20):
                await idle.enter_async_context(connected(host))
            assert await get(host, "/api/slow/0") == 503
            assert await get(host, "/api/open") == 200
            assert await get(host, "/admin/host/status") == 200
        async with asyncio.timeout(DEADLINE):
            while await get(host, "/api/slow/0") != 200:
                pass
        assert host.terminate() == 0


async def until_full(host: RunningPart) -> None:
    async with asyncio.timeout(DEADLINE):
        while await get(host, "/api/slow/0") != 429:
            pass


async def test_client_that_goes_away_is_one_line(host: RunningPart) -> None:
    for _ in range(3):
        async with connected(host) as connection:
            connection[1].write(head("Content-Length: 9") + b"half")
            await connection[1].drain()
    async with asyncio.timeout(DEADLINE):
        while (log := host.log.read_text()).count("the client went away") < 3:
            await get(host, "/admin/host/ping")
    assert "Traceback" not in log


async def test_failures_of_one_kind_have_one_trace(host: RunningPart) -> None:
    for _ in range(5):
        assert await get(host, "/api/boom") == 500
    log = host.log.read_text()
    assert log.count("Traceback") == 1
    assert log.count("function boom failed: ValueError: a secret") == 5


UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("split", [0, 1, 3])
async def test_offer_of_http2_is_no_reason_to_lose_the_body(host: RunningPart, is_chunked: bool, split: int) -> None:
    """Java's HttpClient makes that offer by default."""
    framing, body = (
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n") if is_chunked else ("Content-Length: 5", b"hello")
    )
    async with connected(host) as (reader, writer):
        for _ in range(2):  # the connection is kept
            writer.write(head(framing, *UPGRADE) + body[:split])
            await writer.drain()
            writer.write(body[split:])
            assert await status((reader, writer)) == 203
            told = b"" if is_chunked else b"hello"  # as without the offer
            async with asyncio.timeout(DEADLINE):
                assert b'"body": "%b"' % told in await reader.readuntil(b"0\r\n\r\n")


async def test_pipelined_requests_of_a_client_that_leaves_are_no_trace_in_the_log(host: RunningPart) -> None:
    async with connected(host) as (_, writer):
        writer.write(head("Content-Length: 0", path="/api/slow/0.1", method="GET") * 2)
        await writer.drain()
    assert await get(host, "/api/slow/0.5") == 200  # it ends after the first one, whose client has left
    assert "Traceback" not in host.log.read_text()
