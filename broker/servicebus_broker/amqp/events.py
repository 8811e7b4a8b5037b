"""What a connection tells its owner about the bytes it was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicebus_broker.amqp.link import IncomingLink, Link, OutgoingLink
    from servicebus_broker.amqp.performatives import Outcome


@dataclass(frozen=True, slots=True)
class LinkRequested:
    """The peer wants a link. Answer with ``link.accept`` or ``link.refuse``, now or later."""

    link: IncomingLink | OutgoingLink


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message arrived. Answer with ``link.settle`` unless it came ``settled``."""

    link: IncomingLink
    delivery_id: int
    message_format: int
    payload: bytes
    settled: bool


@dataclass(frozen=True, slots=True)
class CreditChanged:
    """The peer may now take ``link.credit`` messages. If ``drain``, call ``link.drain`` when none is left to send."""

    link: OutgoingLink
    drain: bool = False


@dataclass(frozen=True, slots=True)
class DeliverySettled:
    """The peer decided about deliveries of ``link``. Unless ``settled``, confirm each with ``link.confirm``."""

    link: OutgoingLink
    delivery_id: int
    delivery_tag: bytes
    outcome: Outcome
    settled: bool


@dataclass(frozen=True, slots=True)
class LinkClosed:
    """A link is gone that this side did not close itself: by its peer, its session, its connection or its own fault."""

    link: Link


Event = LinkRequested | MessageReceived | CreditChanged | DeliverySettled | LinkClosed
