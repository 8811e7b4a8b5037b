"""TLS on the port for messages: a client that begins with a TLS record gets it, any other one speaks plain AMQP.

Event loops can begin TLS only on connections of which nothing was read yet, and the first byte has to be read to know.
So the bytes go through `ssl.MemoryBIO`, which works alike on asyncio and uvloop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterator
from typing import Any, cast

from servicebus_broker.client import ClientProtocol
from servicebus_broker.flood import FloodFilter

logger = logging.getLogger(__name__)
# Every client can cause log lines.
logger.addFilter(FloodFilter())

HANDSHAKE_RECORD = 0x16
"""The first byte of TLS; AMQP begins with an ``A``."""
_CHUNK = 256 * 1024


class FirstByteProtocol(asyncio.Protocol):
    """A connection until its first byte. Without a context it is never TLS."""

    def __init__(self, client: ClientProtocol, context: ssl.SSLContext | None) -> None:
        self._client = client
        self._context = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's, so isinstance does not work.
        self._transport = cast(asyncio.Transport, transport)
        self._client.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        protocol: asyncio.Protocol = self._client
        if self._context is not None and data[0] == HANDSHAKE_RECORD:
            transport = TlsTransport(self._transport, self._context)
            self._client.secure(transport)
            protocol = _TlsProtocol(self._client, transport)
        self._transport.set_protocol(protocol)
        protocol.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.connection_lost(exc)


class _TlsProtocol(asyncio.Protocol):
    """Decrypts for the client what its transport receives."""

    def __init__(self, client: ClientProtocol, transport: TlsTransport) -> None:
        self._client = client
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for plain in self._transport.decrypted(data):
            self._client.data_received(plain)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.connection_lost(exc)

    def pause_writing(self) -> None:
        self._client.pause_writing()

    def resume_writing(self) -> None:
        self._client.resume_writing()


class TlsTransport(asyncio.Transport):
    """A transport that encrypts, on the transport of the connection."""

    def __init__(self, raw: asyncio.Transport, context: ssl.SSLContext) -> None:
        super().__init__()
        self._raw = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False

    def decrypted(self, data: bytes) -> Iterator[bytes]:
        """What the client sent; its handshake and its end are answered. An error of TLS ends the connection."""
        self._incoming.write(data)
        try:
            self._shake_hands()
            while not self._raw.is_closing() and (plain := self._tls.read(_CHUNK)):
                yield plain
            self.close()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            logger.warning("%s is disconnected: no TLS with it: %s", self.get_extra_info("peername"), error.reason)
            self._flush()
            self._raw.close()

    def _shake_hands(self) -> None:
        if not self._is_open:
            self._tls.do_handshake()
            self._is_open = True
            self._flush()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nothing can be said to a client before the handshake is over."""
        if self._is_open and data:
            self._tls.write(data)
            self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._raw.is_closing():
            self._raw.write(self._outgoing.read())

    def close(self) -> None:
        """Say so to the client, and close the connection once all is written."""
        if self._is_open and not self._raw.is_closing():
            with contextlib.suppress(ssl.SSLError):  # the client's own end is not waited for
                self._tls.unwrap()
            self._flush()
        self._raw.close()

    def abort(self) -> None:
        self._raw.abort()

    def is_closing(self) -> bool:
        return self._raw.is_closing()

    def pause_reading(self) -> None:
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._raw.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any is the type in asyncio
        return self._raw.get_extra_info(name, default)
