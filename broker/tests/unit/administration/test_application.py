"""The administration application and its listener in this process: waits and limits."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from servicebus_broker.administration import application, listener
from servicebus_broker.administration.application import Administration
from servicebus_broker.administration.certificate import certificate_in
from servicebus_broker.administration.listener import HttpsListener
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import Broker
from tests.unit.queues.conftest import FakeClock

WAIT = 30
ENTRY = (
    '<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><QueueDescription '
    'xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"/></content></entry>'
)


class Disk:
    """A commit that takes until the test releases it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.done = asyncio.Event()

    async def commit(self) -> None:
        self.asked.set()
        await self.done.wait()


@pytest.fixture
def broker() -> Broker:
    return Broker([QueueSettings("queue")], FakeClock())


@pytest.fixture
async def disk() -> Disk:
    return Disk()


@pytest.fixture
async def http(broker: Broker, disk: Disk) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Administration(broker, disk.commit))
    async with httpx.AsyncClient(transport=transport, base_url="https://broker") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [("PUT", "/new", {}, 201), ("PUT", "/queue", {"If-Match": "*"}, 200), ("DELETE", "/queue", {}, 200)],
)
async def test_no_client_is_told_of_a_change_before_it_is_durable(
    http: httpx.AsyncClient, disk: Disk, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = asyncio.create_task(http.request(method, path, headers=headers, content=ENTRY))
    await asyncio.wait_for(disk.asked.wait(), WAIT)
    assert not answer.done()
    disk.done.set()
    assert (await asyncio.wait_for(answer, WAIT)).status_code == status


async def test_slow_disk_is_reported(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "_COMMIT_TIMEOUT", 0.01)
    answer = await http.put("/new", content=ENTRY)
    assert answer.status_code == 503
    assert "could not be written" in answer.text


async def test_reading_waits_for_nothing(http: httpx.AsyncClient, disk: Disk) -> None:
    assert (await http.get("/queue")).status_code == 200
    assert not disk.asked.is_set()


async def test_body_that_never_ends_times_out(
    http: httpx.AsyncClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "_BODY_TIMEOUT", 0.01)

    async def body() -> AsyncIterator[bytes]:
        yield b"<entry"
        await asyncio.Event().wait()

    assert (await http.put("/new", content=body())).status_code == 408


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """The port of an application that answers nothing."""
    serving = HttpsListener(Response(), certificate_in(tmp_path))
    yield await serving.start("127.0.0.1", 0)
    await serving.stop()


async def connect(port: int, folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cafile=certificate_in(folder))
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The status line of an answer; empty if the connection was closed instead."""
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n")
        return await asyncio.wait_for(reader.readline(), WAIT)
    except ConnectionError:
        return b""


async def test_idle_connection_makes_room_above_the_limit(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asynchronous administration client leaves an idle connection behind with each request."""
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 1)
    first = await connect(port, tmp_path)
    assert await ask(*first) == b"HTTP/1.1 200 OK\r\n"
    second = await connect(port, tmp_path)
    assert await ask(*second) == b"HTTP/1.1 200 OK\r\n"
    with contextlib.suppress(ConnectionError):  # a reset is a close too
        await asyncio.wait_for(first[0].read(), WAIT)
    for _, writer in (first, second):
        writer.transport.abort()


async def test_connection_above_the_limit_is_closed_while_all_are_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 1)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await answer.wait()
        await Response()(scope, receive, send)

    serving = HttpsListener(slow, certificate_in(tmp_path))
    port = await serving.start("127.0.0.1", 0)
    first = await connect(port, tmp_path)
    asking = asyncio.create_task(ask(*first))
    await asked.wait()
    with contextlib.suppress(ConnectionError):  # it may be reset before TLS is agreed on
        second = await connect(port, tmp_path)
        assert await ask(*second) == b""
        second[1].transport.abort()
    answer.set()
    assert await asking == b"HTTP/1.1 200 OK\r\n"
    first[1].transport.abort()
    await serving.stop()


async def test_connection_without_a_request_is_closed(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.05)
    reader, writer = await connect(port, tmp_path)
    with contextlib.suppress(ConnectionError):  # a reset is a close too
        assert await asyncio.wait_for(reader.read(), WAIT) == b""
    writer.transport.abort()


async def test_later_request_whose_header_does_not_end_is_closed(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = await connect(port, tmp_path)
    assert await ask(reader, writer) == b"HTTP/1.1 200 OK\r\n"
    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.05)
    writer.write(b"GET / HTTP/1.1\r\nHost: bro")
    with contextlib.suppress(ConnectionError):  # a reset is a close too
        await asyncio.wait_for(reader.read(), WAIT)
    writer.transport.abort()


async def test_stop_does_not_wait_for_idle_clients(tmp_path: Path) -> None:
    serving = HttpsListener(Response(), certificate_in(tmp_path))
    reader, writer = await connect(await serving.start("127.0.0.1", 0), tmp_path)
    assert await ask(reader, writer) == b"HTTP/1.1 200 OK\r\n"
    await asyncio.wait_for(serving.stop(), WAIT)
    assert not asyncio.all_tasks() - {asyncio.current_task()}
    writer.transport.abort()


async def test_a_port_in_use_is_an_error(port: int, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"):
        await HttpsListener(Response(), certificate_in(tmp_path)).start("127.0.0.1", port)
