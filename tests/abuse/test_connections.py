"""Costly connections that the host on this machine bounds (in Azure the platform's own host does)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from ondemand.stack import Stack
from tests.abuse.bounds import HONEST, bounded

pytestmark = pytest.mark.asyncio(loop_scope="session")
HALF_SENT = 1_000
PATIENCE_S = 100
"""Longer than any time limit for headers and bodies."""


async def test_a_chunked_body_is_answered_before_it_is_sent(stack: Stack, http: httpx.AsyncClient) -> None:
    """200 MB without a Content-Length."""
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(200):
            yield b" " * 1_000_000
            sent += 1_000_000

    async with bounded(stack):
        try:
            answer = await http.post("/predict", content=chunks(), headers={"Content-Type": "application/json"})
        except httpx.TransportError:
            pass  # the connection was closed while the body was on its way
        else:
            assert answer.status_code == 411
    print(f"{sent / 1_000_000:.0f} MB were taken")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n", marks=pytest.mark.long),
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    ],
    ids=["headers", "bodies"],
)
async def test_half_sent_requests_lock_nobody_out_and_end(stack: Stack, sent: bytes) -> None:
    async with AsyncExitStack() as connections:
        async with bounded(stack):
            readers = [await _half_sent(stack, sent, connections) for _ in range(HALF_SENT)]
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(_until_closed(reader) for reader in readers))


async def test_many_headers_are_parsed_in_linear_time(stack: Stack, http: httpx.AsyncClient) -> None:
    headers = {f"x-{number}": "y" * 20 for number in range(20_000)}
    async with bounded(stack):
        try:
            answer = await http.post("/predict", json=HONEST, headers=headers)
        except httpx.TransportError:
            return  # the server closed the connection
    assert answer.status_code in (200, 400, 431)


async def _half_sent(stack: Stack, sent: bytes, connections: AsyncExitStack) -> asyncio.StreamReader:
    url = urlsplit(stack.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    connections.callback(writer.close)  # keeps the writer: a forgotten one closes its connection
    writer.write(sent)
    await writer.drain()
    return reader


async def _until_closed(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
