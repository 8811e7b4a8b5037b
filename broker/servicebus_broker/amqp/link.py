"""The common part of both kinds of link end: attach, detach and state. Links write frames through their session."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from servicebus_broker.amqp.performatives import Attach, Coordinator, Detach, Error, Source, Target
from servicebus_broker.amqp.totals import IncompleteBytes, Totals
from servicebus_broker.limits import Limits

SERIAL = 2**32


class LinkState(Enum):
    REQUESTED = "requested"
    ATTACHED = "attached"
    DETACHING = "detaching"
    CLOSED = "closed"


class Channel(Protocol):
    """What a link needs of its session."""

    @property
    def limits(self) -> Limits: ...

    @property
    def totals(self) -> Totals: ...

    @property
    def incomplete(self) -> IncompleteBytes: ...

    @property
    def can_send(self) -> bool:
        """Whether the peer takes messages."""

    def send(self, performative: object) -> None:
        """Write a frame without payload."""

    def send_flow(
        self, handle: int | None, delivery_count: int | None, credit: int | None, *, drain: bool = False
    ) -> None:
        """Tell the peer the state of the session and of a link."""

    def send_message(self, handle: int, delivery_tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Write the frames of one delivery and return its id."""


class Link:
    """The common part of both directions. ``properties`` are those of the peer's attach."""

    def __init__(self, session: Channel, attach: Attach) -> None:
        self.session = session
        self.name = attach.name
        self.handle = attach.handle
        self.state = LinkState.REQUESTED
        self.source = attach.source or Source()
        self.target = attach.target or Target()
        self.properties = attach.properties or {}
        self.snd_settle_mode = attach.snd_settle_mode
        self.rcv_settle_mode = attach.rcv_settle_mode
        self.max_message_size = session.limits.max_message_size

    @property
    def address(self) -> str:
        """The node at this side's end of the link, as the peer wrote it; empty if the peer named none."""
        terminus = self.target if self._role else self.source
        return "" if isinstance(terminus, Coordinator) else terminus.address or ""

    @property
    def is_open(self) -> bool:
        return self.state is LinkState.ATTACHED

    @property
    def is_requested(self) -> bool:
        return self.state is LinkState.REQUESTED

    @property
    def is_live(self) -> bool:
        """Whether neither side has ended it."""
        return self.state in (LinkState.REQUESTED, LinkState.ATTACHED)

    def close(self) -> None:
        """The link, its session or its connection is over."""
        self.state = LinkState.CLOSED

    def refuse(self, error: Error) -> None:
        """Refuse the attach of the peer: an attach without termini, then a closing detach with the error."""
        self._attach(source=None, target=None, properties=None)
        self.detach(error)

    def detach(self, error: Error | None = None) -> None:
        """Close the link from this side."""
        self.session.send(Detach(self.handle, closed=True, error=error))
        self.state = LinkState.DETACHING

    def _attach(
        self, *, source: Source | None, target: Target | Coordinator | None, properties: dict[object, object] | None
    ) -> None:
        self.session.send(
            Attach(
                name=self.name,
                handle=self.handle,
                role=self._role,
                snd_settle_mode=self.snd_settle_mode,
                rcv_settle_mode=self.rcv_settle_mode,
                source=source,
                target=target,
                initial_delivery_count=None if self._role else 0,
                max_message_size=self.max_message_size,
                properties=properties,
            )
        )
        self.state = LinkState.ATTACHED

    @property
    def _role(self) -> bool:
        raise NotImplementedError
