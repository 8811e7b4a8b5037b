"""The server on a socket, with a journal on a disk that fails: no client is told of an uncertain change."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from servicebus_broker.amqp.frames import encode_frame
from servicebus_broker.amqp.performatives import Accepted, Disposition, Flow, Transfer
from servicebus_broker.amqp.sections import Sections, write_message
from servicebus_broker.clock import SystemClock
from servicebus_broker.journal.commits import DiskFailedError
from servicebus_broker.journal.fsync import Fsync
from servicebus_broker.journal.journal import Journal
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.server import Server
from servicebus_broker.service.broker import Broker
from tests.unit.client import HANDSHAKE, attach_sender, read_frames

DEADLINE = 30
MESSAGE = write_message(Sections(body=b"\x00\x53\x75\xa0\x00"), 0, {})


class Client:
    """A sender made of bytes; it knows only the answers of the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def attach(self) -> None:
        self._writer.write(HANDSHAKE + attach_sender("queue"))
        await self.read_until(Flow)

    def send(self, number: int) -> None:
        self._writer.write(encode_frame(Transfer(0, number, b"tag", 0, False), MESSAGE, channel=1))

    async def read_until(self, kind: type) -> object:
        """The first performative of a kind. Each answer of the server arrives in one piece here."""
        async with asyncio.timeout(DEADLINE):
            while True:
                data = await self._reader.read(65536)
                assert data, "the server closed the connection"
                for performative, _ in read_frames(data):
                    if isinstance(performative, kind):
                        return performative

    async def read_to_the_end(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self._reader.read()


@asynccontextmanager
async def serving(folder: Path, fsync: Fsync) -> AsyncIterator[tuple[Server, Client]]:
    """A server with a queue, and a client that has a sender on it."""
    journal = Journal(folder, [QueueSettings("queue")], SystemClock(), fsync=fsync)
    broker = Broker(journal.defined(), SystemClock())
    journal.restore(broker.queues())
    server = Server(broker, journal)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start("127.0.0.1", 0))
    client = Client(reader, writer)
    try:
        await client.attach()
        yield server, client
    finally:
        await server.stop()
        writer.close()
        with suppress(ConnectionError):  # the broker is gone
            await writer.wait_closed()


def replace_journal_by(device: str, folder: Path) -> None:
    """Make the journal's file descriptor refer to another file."""
    journal = str(folder / "journal-00000001")
    (number,) = [int(each) for each in os.listdir("/proc/self/fd") if _target(each) == journal]
    other = os.open(device, os.O_RDWR)
    os.dup2(other, number)
    os.close(other)


def _target(number: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except FileNotFoundError:
        return ""


def messages_in(folder: Path) -> int:
    """The number of messages that come back after a kill now."""
    copy = folder.with_name("copy")
    copy.mkdir()
    for path in folder.glob("*-0*"):
        (copy / path.name).write_bytes(path.read_bytes())
    journal = Journal(copy, [QueueSettings("queue")], SystemClock(), fsync=Fsync.NEVER)
    broker = Broker(journal.defined(), SystemClock())
    journal.restore(broker.queues())
    journal.abandon()
    return broker.queues()[0].counts().active


@pytest.mark.parametrize("fsync", Fsync)
async def test_answered_changes_are_in_the_file(tmp_path: Path, fsync: Fsync) -> None:
    async with serving(tmp_path / "data", fsync) as (_, client):
        for number in range(10):
            client.send(number)
            assert await client.read_until(Disposition) == Disposition(True, number, None, True, Accepted())
        assert messages_in(tmp_path / "data") == 10


@pytest.mark.parametrize("fsync", Fsync)
async def test_failed_write_ends_the_broker(tmp_path: Path, fsync: Fsync) -> None:
    async with serving(tmp_path, fsync) as (server, client):
        # A terminal does not support writes at an offset.
        replace_journal_by("/dev/ptmx", tmp_path)
        client.send(0)
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(DiskFailedError, match="failed"):
                await server.failure()
        await server.stop()
        assert await client.read_to_the_end() == b""


async def test_failed_sync_ends_the_broker(tmp_path: Path) -> None:
    async with serving(tmp_path, Fsync.ALWAYS) as (server, client):
        # /dev/null accepts every write, and refuses to sync.
        replace_journal_by("/dev/null", tmp_path)
        client.send(0)
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(DiskFailedError, match="failed"):
                await server.failure()
        await server.stop()
        assert await client.read_to_the_end() == b""


async def test_later_failed_sync_ends_the_broker(tmp_path: Path) -> None:
    async with serving(tmp_path, Fsync.INTERVAL) as (server, client):
        replace_journal_by("/dev/null", tmp_path)
        client.send(0)
        await client.read_until(Disposition)
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(DiskFailedError, match="failed"):
                await server.failure()


async def test_without_syncs_a_failing_sync_has_no_effect(tmp_path: Path) -> None:
    async with serving(tmp_path, Fsync.NEVER) as (_, client):
        replace_journal_by("/dev/null", tmp_path)
        for number in range(3):
            client.send(number)
            await client.read_until(Disposition)


@pytest.mark.parametrize("fsync", Fsync)
async def test_committed_waits_for_all_changes(tmp_path: Path, fsync: Fsync) -> None:
    async with serving(tmp_path / "data", fsync) as (server, _):
        server.broker.queues()[0].send([Sections()])
        async with asyncio.timeout(DEADLINE):
            await server.committed()
        assert messages_in(tmp_path / "data") == 1
