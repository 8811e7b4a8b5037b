"""The two kinds of link end, as state machines. They write frames through their session and never do I/O."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from servicebus_broker.amqp.errors import NotAllowedError, ResourceLimitError
from servicebus_broker.amqp.events import CreditChanged, DeliverySettled, Event, MessageReceived
from servicebus_broker.amqp.performatives import (
    Accepted,
    Attach,
    Coordinator,
    Detach,
    Disposition,
    Error,
    Flow,
    Outcome,
    Received,
    Rejected,
    Source,
    Target,
    Transfer,
)

if TYPE_CHECKING:
    from servicebus_broker.amqp.session import Session

LINK_CREDIT = 1000
_SETTLED_MODE = 1
_SERIAL = 2**32


class LinkState(Enum):
    REQUESTED = "requested"
    ATTACHED = "attached"
    DETACHING = "detaching"
    CLOSED = "closed"


class Link:
    """What both directions share. ``properties`` are those of the peer's attach."""

    def __init__(self, session: Session, attach: Attach) -> None:
        self.session = session
        self.name = attach.name
        self.handle = attach.handle
        self.state = LinkState.REQUESTED
        self.source = attach.source or Source()
        self.target = attach.target or Target()
        self.properties = attach.properties or {}
        self.snd_settle_mode = attach.snd_settle_mode
        self.rcv_settle_mode = attach.rcv_settle_mode
        self.max_message_size = session.connection.limits.max_message_size

    @property
    def address(self) -> str:
        """The node at this side's end of the link, as the peer wrote it; empty where it named none."""
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
        """Whether the peer knows of no end to it."""
        return self.state in (LinkState.REQUESTED, LinkState.ATTACHED)

    def close(self) -> None:
        """The link, its session or its connection is over."""
        self.state = LinkState.CLOSED

    def refuse(self, error: Error) -> None:
        """Turn down the peer's attach: an attach without termini, then a closing detach that says why."""
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

    def on_flow(self, flow: Flow) -> list[Event]:
        raise NotImplementedError


class IncomingLink(Link):
    """The peer sends here. Its credit never runs out while we keep up: azure-servicebus breaks at zero credit."""

    def __init__(self, session: Session, attach: Attach) -> None:
        super().__init__(session, attach)
        self._delivery_count = attach.initial_delivery_count or 0
        self._credit = 0
        self._first: Transfer | None = None
        self._partial = bytearray()
        self._size = 0

    @property
    def _role(self) -> bool:
        return True

    def accept(self) -> None:
        """Attach and grant credit."""
        self._attach(source=self.source, target=self.target, properties=None)
        self._grant()

    def settle(self, delivery_id: int, outcome: Outcome) -> None:
        """Tell the peer what became of its message."""
        self.session.send(Disposition(role=True, first=delivery_id, settled=True, state=outcome))

    def on_flow(self, flow: Flow) -> list[Event]:
        """The peer has nothing to tell a receiver but, maybe, to ask for our state."""
        if flow.echo and self.is_open:
            self._grant()
        return []

    def on_transfer(self, transfer: Transfer, payload: bytes) -> list[Event]:
        """One frame of a message; the event comes with the last one."""
        if self.is_requested:
            raise NotAllowedError("a transfer before any credit", "amqp:link:transfer-limit-exceeded")
        if not self.is_open:
            return []
        first = self._first or transfer
        if first.delivery_id is None:
            raise NotAllowedError("a transfer without a delivery id")
        if transfer.aborted:
            self._forget()
            self._count_delivery()
            return []
        if transfer.more:
            self._first = first
            self._keep(payload)
            return []
        if self._size + len(payload) > self.max_message_size:
            self._refuse_too_large(first.delivery_id)
            return []
        if self._first is not None:
            payload = bytes(self._partial + payload)
            self._forget()
        self._count_delivery()
        settled = bool(first.settled or transfer.settled)
        return [MessageReceived(self, first.delivery_id, first.message_format or 0, payload, settled)]

    def close(self) -> None:
        super().close()
        self._forget()

    def _keep(self, payload: bytes) -> None:
        """Keep a part of a message; none of one that is too large, only its size."""
        self._size += len(payload)
        if self._size > self.max_message_size:
            self._keep_nothing()
            return
        self._partial += payload
        connection = self.session.connection
        connection.incomplete_bytes += len(payload)
        if connection.incomplete_bytes > connection.limits.max_incomplete_bytes:
            raise ResourceLimitError(f"more than {connection.limits.max_incomplete_bytes} bytes of incomplete messages")

    def _keep_nothing(self) -> None:
        self.session.connection.incomplete_bytes -= len(self._partial)
        self._partial = bytearray()

    def _refuse_too_large(self, delivery_id: int) -> None:
        # The link survives: azure-servicebus reports a detach as an unknown error, a rejection as what it is.
        self._forget()
        self._count_delivery()
        description = f"The message is larger than the maximum of {self.max_message_size} bytes."
        self.settle(delivery_id, Rejected(Error("amqp:link:message-size-exceeded", description, {})))

    def _forget(self) -> None:
        self._keep_nothing()
        self._first = None
        self._size = 0

    def _count_delivery(self) -> None:
        self._delivery_count = (self._delivery_count + 1) % _SERIAL
        self._credit -= 1
        if self._credit <= LINK_CREDIT // 2:
            self._grant()

    def _grant(self) -> None:
        self._credit = LINK_CREDIT
        self.session.send_flow(self.handle, self._delivery_count, self._credit)


class OutgoingLink(Link):
    """The peer receives here."""

    def __init__(self, session: Session, attach: Attach) -> None:
        super().__init__(session, attach)
        self.credit = 0
        self._delivery_count = 0
        self._unsettled: dict[int, bytes] = {}

    @property
    def _role(self) -> bool:
        return False

    @property
    def is_presettled(self) -> bool:
        """Whether the peer asked for deliveries that need no answer (receive and delete)."""
        return self.snd_settle_mode == _SETTLED_MODE

    @property
    def can_send(self) -> bool:
        return self.credit > 0 and self.is_open and self.session.can_send

    def accept(self, source: Source | None = None, properties: dict[object, object] | None = None) -> None:
        """Attach; ``source`` is what the peer's source became, where that differs."""
        self._attach(source=source or self.source, target=self.target, properties=properties)

    def send(self, delivery_tag: bytes, payload: bytes) -> int:
        """Send one message, in as many frames as it takes, for one credit. Returns its delivery id."""
        self.credit -= 1
        self._delivery_count = (self._delivery_count + 1) % _SERIAL
        delivery_id = self.session.send_message(self, delivery_tag, payload)
        if not self.is_presettled:
            self._unsettled[delivery_id] = delivery_tag
            if len(self._unsettled) > self.session.connection.limits.max_unsettled:
                del self._unsettled[next(iter(self._unsettled))]
        return delivery_id

    def confirm(self, delivery_id: int, outcome: Outcome) -> None:
        """Tell the peer that its decision about a delivery took effect, or that it did not (a rejection)."""
        self.session.send(Disposition(role=False, first=delivery_id, settled=True, state=outcome))

    def on_flow(self, flow: Flow) -> list[Event]:
        """Credit is absolute: what the peer had seen of our deliveries, plus how many more it takes.

        A peer may grant it right behind its attach, before that is answered.
        """
        if not (self.is_open or self.is_requested) or flow.link_credit is None:
            return []
        seen = flow.delivery_count or 0
        self.credit = max(0, flow.link_credit - (self._delivery_count - seen) % _SERIAL)
        return [CreditChanged(self, drain=flow.drain)]

    def drain(self) -> None:
        """Use up the credit that no message was there for, and say so."""
        self._delivery_count = (self._delivery_count + self.credit) % _SERIAL
        self.credit = 0
        self.session.send_flow(self.handle, self._delivery_count, 0, drain=True)

    def on_disposition(self, disposition: Disposition) -> list[Event]:
        """The peer decided about some deliveries; `Received` only says how far it read."""
        state = disposition.state
        if isinstance(state, Received) or (state is None and not disposition.settled):
            return []
        outcome = Accepted() if state is None else state
        return [
            DeliverySettled(self, delivery_id, self._unsettled.pop(delivery_id), outcome, disposition.settled)
            for delivery_id in self._matching(disposition)
        ]

    def _matching(self, disposition: Disposition) -> list[int]:
        last = disposition.first if disposition.last is None else disposition.last
        if last - disposition.first < len(self._unsettled):
            return [each for each in range(disposition.first, last + 1) if each in self._unsettled]
        return [each for each in self._unsettled if disposition.first <= each <= last]
