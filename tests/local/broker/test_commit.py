"""The server on a socket, with a journal that cannot be written for a while."""

import asyncio
import time

import pytest

from local.broker.amqp.frames import encode_frame
from local.broker.amqp.performatives import Accepted, Disposition, Flow, Transfer
from local.broker.amqp.sections import Sections, write_message
from local.broker.queues.settings import QueueSettings
from local.broker.server import Server
from local.broker.service.broker import Broker
from tests.unit.broker.client import HANDSHAKE, attach_sender, read_frames

DEADLINE = 30
QUIET = 0.3


class Disk:
    """A journal's commit that fails while ``full``."""

    def __init__(self) -> None:
        self.full = False
        self.failed = asyncio.Event()

    def commit(self) -> None:
        if self.full:
            self.failed.set()
            raise OSError(28, "No space left on device")


async def read_until(reader: asyncio.StreamReader, kind: type) -> object:
    """The first performative of a kind. Each of the server's answers here comes in one piece."""
    async with asyncio.timeout(DEADLINE):
        while True:
            data = await reader.read(65536)
            assert data, "the server closed the connection"
            for performative, _ in read_frames(data):
                if isinstance(performative, kind):
                    return performative


async def test_nobody_is_answered_before_the_journal_is_written() -> None:
    disk = Disk()
    server = Server(Broker([QueueSettings("queue")], time.time), disk.commit)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start("127.0.0.1", 0))
    writer.write(HANDSHAKE + attach_sender("queue"))
    await read_until(reader, Flow)
    disk.full = True
    message = write_message(Sections(body=b"\x00\x53\x75\xa0\x00"), 0, {})
    writer.write(encode_frame(Transfer(0, 0, b"tag", 0, False), message, channel=1))
    async with asyncio.timeout(DEADLINE):
        await disk.failed.wait()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), QUIET)
    disk.full = False
    assert await read_until(reader, Disposition) == Disposition(True, 0, None, True, Accepted())
    writer.close()
    await writer.wait_closed()
    await server.stop()
