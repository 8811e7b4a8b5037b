"""A session: its links, its windows, and the two separate counters of AMQP (frames and deliveries)."""

from __future__ import annotations

from typing import Protocol

from servicebus_broker.amqp.errors import FramingError, NotAllowedError, ResourceLimitError
from servicebus_broker.amqp.events import Event, LinkClosed, LinkRequested
from servicebus_broker.amqp.frames import encode_frame
from servicebus_broker.amqp.incoming import IncomingLink
from servicebus_broker.amqp.link import SERIAL, Link, LinkState
from servicebus_broker.amqp.outgoing import CreditChanged, OutgoingLink
from servicebus_broker.amqp.performatives import Attach, Begin, Detach, Disposition, Error, Flow, Rejected, Transfer
from servicebus_broker.amqp.totals import IncompleteBytes, Totals
from servicebus_broker.limits import Limits

INCOMING_WINDOW = 2**16 - 1
OUTGOING_WINDOW = 2**16 - 1
# Bytes of a transfer frame beside its payload: frame header, performative with a 16-byte tag.
_TRANSFER_OVERHEAD = 64
_STOLEN = Error("amqp:link:stolen", "Another link with the same name was attached.", {})


class SessionOwner(Protocol):
    """What a session needs of its connection."""

    @property
    def limits(self) -> Limits: ...

    @property
    def totals(self) -> Totals: ...

    @property
    def incomplete(self) -> IncompleteBytes: ...

    @property
    def max_outgoing_frame_size(self) -> int: ...

    @property
    def can_send(self) -> bool:
        """Whether the peer reads."""

    def write(self, data: bytes) -> None:
        """Add bytes for the peer."""

    def link_count(self) -> int:
        """The number of links in all sessions."""

    def live_link(self, name: str, kind: type[Link]) -> Link | None:
        """The link of a name and direction that is not being closed."""


class Session:
    """One session of a connection, on the channel that the peer chose (both sides use the same number)."""

    def __init__(self, connection: SessionOwner, channel: int, begin: Begin) -> None:
        self.channel = channel
        self.limits = connection.limits
        self.totals = connection.totals
        self.incomplete = connection.incomplete
        self._connection = connection
        self.links: dict[int, IncomingLink | OutgoingLink] = {}
        self._next_incoming_id = begin.next_outgoing_id
        self._next_outgoing_id = 0
        self._next_delivery_id = 0
        self._incoming_since_flow = 0
        self._remote_incoming_window = begin.incoming_window
        self.send(Begin(channel, 0, INCOMING_WINDOW, OUTGOING_WINDOW, self.limits.handle_max))

    @property
    def can_send(self) -> bool:
        return self._remote_incoming_window > 0 and self._connection.can_send

    def send(self, performative: object, payload: bytes = b"") -> None:
        self._connection.write(encode_frame(performative, payload, channel=self.channel))

    def send_flow(
        self,
        handle: int | None = None,
        delivery_count: int | None = None,
        credit: int | None = None,
        *,
        drain: bool = False,
    ) -> None:
        self._incoming_since_flow = 0
        self.send(
            Flow(
                next_incoming_id=self._next_incoming_id,
                incoming_window=INCOMING_WINDOW,
                next_outgoing_id=self._next_outgoing_id,
                outgoing_window=OUTGOING_WINDOW,
                handle=handle,
                delivery_count=delivery_count,
                link_credit=credit,
                drain=drain,
            )
        )

    def send_message(self, handle: int, delivery_tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Write the frames of one delivery and return its id."""
        delivery_id = self._next_delivery_id
        self._next_delivery_id = (delivery_id + 1) % SERIAL
        chunk = self._connection.max_outgoing_frame_size - _TRANSFER_OVERHEAD
        parts = [payload[at : at + chunk] for at in range(0, len(payload), chunk)] or [b""]
        for index, part in enumerate(parts):
            self.send(
                Transfer(
                    handle=handle,
                    delivery_id=delivery_id if index == 0 else None,
                    delivery_tag=delivery_tag if index == 0 else None,
                    message_format=0 if index == 0 else None,
                    settled=settled,
                    more=index + 1 < len(parts),
                ),
                part,
            )
        self._next_outgoing_id = (self._next_outgoing_id + len(parts)) % SERIAL
        self._remote_incoming_window -= len(parts)
        return delivery_id

    def receive(self, performative: object, payload: bytes) -> list[Event]:
        """Handle one frame of this session."""
        match performative:
            case Transfer():
                return self._on_transfer(performative, payload)
            case Disposition():
                return self._on_disposition(performative)
            case Flow():
                return self._on_flow(performative)
            case Attach():
                return self._on_attach(performative)
            case Detach():
                return self._on_detach(performative)
            case _:
                raise NotAllowedError(f"{type(performative).__name__} is not allowed in a session")

    def close(self) -> list[Event]:
        """Close every link; returns the events."""
        events: list[Event] = [LinkClosed(link) for link in self.links.values() if link.is_live]
        for link in self.links.values():
            link.close()
        self.totals.links.used -= len(self.links)
        self.links.clear()
        return events

    def _on_attach(self, attach: Attach) -> list[Event]:
        limits = self.limits
        if attach.handle > limits.handle_max:
            raise NotAllowedError(f"a handle above {limits.handle_max}", FramingError.condition)
        current = self.links.get(attach.handle)
        if current is not None and current.state is not LinkState.DETACHING:
            raise NotAllowedError("a handle that is in use", "amqp:session:handle-in-use")
        kind = OutgoingLink if attach.role else IncomingLink
        link = kind(self, attach)
        if self._connection.link_count() >= limits.max_links:
            link.refuse(_too_many_links(limits.max_links))
            return []
        if current is not None:
            current.close()
        else:
            try:
                self.totals.links.check_room()
            except ResourceLimitError as error:
                link.refuse(Error(error.condition, error.description, {}))
                return []
            self.totals.links.used += 1
        events = self._steal(attach.name, kind)
        self.links[attach.handle] = link
        return [*events, LinkRequested(link)]

    def _steal(self, name: str, kind: type[Link]) -> list[Event]:
        """A second link of a name replaces the first (AMQP 1.0, 2.6.1)."""
        stolen = self._connection.live_link(name, kind)
        if stolen is None:
            return []
        if stolen.is_requested:
            stolen.refuse(_STOLEN)
        else:
            stolen.detach(_STOLEN)
        return [LinkClosed(stolen)]

    def _on_detach(self, detach: Detach) -> list[Event]:
        link = self.links.pop(detach.handle, None)
        if link is None:
            return []
        self.totals.links.used -= 1
        live = link.is_live
        link.close()
        if not live:
            return []
        self.send(Detach(link.handle, closed=True))
        return [LinkClosed(link)]

    def _on_flow(self, flow: Flow) -> list[Event]:
        seen = flow.next_incoming_id or 0
        was_shut = self._remote_incoming_window <= 0
        self._remote_incoming_window = flow.incoming_window - (self._next_outgoing_id - seen) % SERIAL
        events: list[Event] = []
        if was_shut and self._remote_incoming_window > 0:
            events += [CreditChanged(link) for link in self._outgoing() if link.credit]
        if flow.handle is not None:
            link = self._link(flow.handle)
            if isinstance(link, OutgoingLink):
                events += link.on_flow(flow)
            else:
                link.on_flow(flow)
        elif flow.echo:
            self.send_flow()
        return events

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> list[Event]:
        self._next_incoming_id = (self._next_incoming_id + 1) % SERIAL
        self._incoming_since_flow += 1
        if self._incoming_since_flow > INCOMING_WINDOW // 2:
            self.send_flow()
        link = self._link(transfer.handle)
        if not isinstance(link, IncomingLink):
            raise NotAllowedError("a transfer on a link that the peer receives from")
        return [*link.on_transfer(transfer, payload)]

    def _on_disposition(self, disposition: Disposition) -> list[Event]:
        if not disposition.role:
            return []
        events: list[Event] = [event for link in self._outgoing() for event in link.on_disposition(disposition)]
        if not events and not disposition.settled and disposition.state is not None:
            self._refuse_disposition(disposition)
        return events

    def _refuse_disposition(self, disposition: Disposition) -> None:
        """azure-servicebus waits for the answer to every settlement, also to one of an unknown delivery."""
        unknown = Error("amqp:illegal-state", "The delivery is not known, or was settled before.", {})
        self.send(
            Disposition(
                role=False, first=disposition.first, last=disposition.last, settled=True, state=Rejected(unknown)
            )
        )

    def _outgoing(self) -> list[OutgoingLink]:
        return [link for link in self.links.values() if isinstance(link, OutgoingLink)]

    def _link(self, handle: int) -> IncomingLink | OutgoingLink:
        link = self.links.get(handle)
        if link is None:
            raise NotAllowedError("a handle that is not attached", "amqp:session:unattached-handle")
        return link


def _too_many_links(limit: int) -> Error:
    description = f"Cannot allocate more handles to the current connection. The maximum number of handles is {limit}."
    return Error("amqp:resource-limit-exceeded", description, {})
