"""Opening links of azure-servicebus in milliseconds.

To open a link the SDK reads one frame, sleeps 50 ms and reads the next, nine times over: half a second where the
network takes milliseconds. The SDK waits for a frame as it reads, so the pauses are left out here. No setting does
this. Where the private names are missing, the link opens in the SDK's own way.
"""

import weakref
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSender, ServiceBusSession

Link = TypeVar("Link", ServiceBusSender, ServiceBusReceiver)
FRAMES = 32
"""Frames read without a pause; an opening takes nine."""
SOCKET_TIMEOUT_S = 0.05
"""How long the SDK reads at a time. Its keep-alive task reads now and then, and a message that arrives meanwhile waits
that long: by default 0.2 s."""


def without_pauses(link: Link) -> Link:
    """The same sender or receiver, not yet opened. It opens without pauses, also when it opens again."""
    create_handler: Callable[..., None] | None = getattr(type(link), "_create_handler", None)
    if create_handler is None:
        return link
    itself = weakref.ref(link)  # a cycle would keep the socket of a link that is given up

    def create(auth: Any) -> None:
        opening = itself()
        create_handler(opening, auth)
        handler = getattr(opening, "_handler", None)
        _read_on(handler)
        _close_all(handler)

    link._create_handler = create  # type: ignore[method-assign]  # see above: no setting does this
    return link


def trust_the_bus(session: ServiceBusSession) -> None:
    """Call this when a session was accepted and after each renewal of its lock.

    The SDK compares the lock's end, which is in the time of the bus, with this host's clock. A host that is ahead by
    more than a lock lasts never receives anything. Whether a lock is lost the bus tells by itself.
    """
    if hasattr(session, "_locked_until_utc"):
        vars(session)["_locked_until_utc"] = None


def _close_all(handler: Any) -> None:
    """Close the sockets that the SDK forgets: of an opening that fails or is cancelled before the connection is open,
    and of a connection that its peer has ended. Each is in a cycle, so it would stay until a full collection."""
    close_async: Callable[[Any], Awaitable[None]] | None = getattr(type(handler), "close_async", None)
    if close_async is None:
        return
    itself = weakref.ref(handler)

    async def close() -> None:
        closing = itself()
        transport = getattr(getattr(closing, "_connection", None), "_transport", None)
        await close_async(closing)
        if transport is not None:
            await transport.close()  # nothing is left to do for one that was closed

    handler.close_async = close


def _read_on(handler: Any) -> None:
    """Read until the link is open. ``client_ready_async`` reads or awaits one frame; the caller bounds the time."""
    ready: Callable[[], Awaitable[bool]] | None = getattr(handler, "client_ready_async", None)
    if ready is None:
        return

    async def read_on() -> bool:
        for _ in range(FRAMES):
            if await ready():
                vars(handler).pop("client_ready_async", None)  # the link is open: from here on the SDK's own method
                return True
        return False

    handler.client_ready_async = read_on
