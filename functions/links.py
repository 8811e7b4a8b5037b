"""Opening links of azure-servicebus in milliseconds.

To open a link the SDK reads one frame, sleeps 50 ms and reads the next, nine times over: half a second where the
network takes milliseconds. Reading waits for a frame by itself, so here it reads on instead. No setting does this; it
is the one place that touches private names of the SDK, and where they are missing the SDK's own way remains.
"""

import ssl
import weakref
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeVar

import certifi
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSender

Link = TypeVar("Link", ServiceBusSender, ServiceBusReceiver)
FRAMES = 32
"""Frames read without a pause; an opening takes nine."""
SOCKET_TIMEOUT_S = 0.05
"""How long the SDK reads at a time. Its keep-alive task does so now and then, and what comes meanwhile waits as long:
by default 0.2 s."""


@cache
def tls() -> ssl.SSLContext:
    """The SDK's own TLS settings, for all connections: it would read the certificate authorities anew for each."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def without_pauses(link: Link) -> Link:
    """The same sender or receiver, not yet opened; whenever it opens, it opens at once."""
    create_handler: Callable[..., None] | None = getattr(type(link), "_create_handler", None)
    if create_handler is None:
        return link
    itself = weakref.ref(link)  # without a cycle, a link that is given up takes its socket along

    def create(auth: Any) -> None:
        opening = itself()
        create_handler(opening, auth)
        _read_on(getattr(opening, "_handler", None))

    link._create_handler = create  # type: ignore[method-assign]  # see above: no setting does this
    return link


def _read_on(handler: Any) -> None:
    """Until its link is open. ``client_ready_async`` reads one frame or waits for one; the caller bounds them all."""
    ready: Callable[[], Awaitable[bool]] | None = getattr(handler, "client_ready_async", None)
    if ready is None:
        return

    async def read_on() -> bool:
        for _ in range(FRAMES):
            if await ready():
                vars(handler).pop("client_ready_async", None)  # open: from here on it is the SDK's own again
                return True
        return False

    handler.client_ready_async = read_on
