"""Events of a connection, for its owner."""

from __future__ import annotations

from dataclasses import dataclass

from servicebus_broker.amqp.incoming import IncomingLink, MessageReceived
from servicebus_broker.amqp.link import Link
from servicebus_broker.amqp.outgoing import CreditChanged, DeliverySettled, OutgoingLink


@dataclass(frozen=True, slots=True)
class LinkRequested:
    """The peer wants a link. Answer with ``link.accept`` or ``link.refuse``, now or later."""

    link: IncomingLink | OutgoingLink


@dataclass(frozen=True, slots=True)
class LinkClosed:
    """A link is gone that this side did not close: by its peer, session or connection, or by a protocol error."""

    link: Link


Event = LinkRequested | MessageReceived | CreditChanged | DeliverySettled | LinkClosed
