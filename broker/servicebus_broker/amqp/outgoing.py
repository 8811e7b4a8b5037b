"""The link end that the peer receives from."""

from __future__ import annotations

from dataclasses import dataclass

from servicebus_broker.amqp.link import SERIAL, Channel, Link
from servicebus_broker.amqp.performatives import Accepted, Attach, Disposition, Flow, Outcome, Received, Source

_SETTLED_MODE = 1


@dataclass(frozen=True, slots=True)
class CreditChanged:
    """The peer can take ``link.credit`` messages. If ``drain``, call ``link.drain`` when no message is left."""

    link: OutgoingLink
    drain: bool = False


@dataclass(frozen=True, slots=True)
class DeliverySettled:
    """The peer settled a delivery of ``link``. Unless ``settled``, answer with ``link.confirm``."""

    link: OutgoingLink
    delivery_id: int
    delivery_tag: bytes
    outcome: Outcome
    settled: bool


class OutgoingLink(Link):
    """The peer receives here."""

    def __init__(self, session: Channel, attach: Attach) -> None:
        super().__init__(session, attach)
        self.credit = 0
        self._delivery_count = 0
        self._unsettled: dict[int, bytes] = {}
        self._all_unsettled = session.totals.unsettled

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
        """Attach; ``source`` replaces the peer's source if it differs."""
        self._attach(source=source or self.source, target=self.target, properties=properties)

    def send(self, delivery_tag: bytes, payload: bytes) -> int:
        """Send one message, in as many frames as it takes, for one credit. Returns its delivery id."""
        self.credit -= 1
        self._delivery_count = (self._delivery_count + 1) % SERIAL
        delivery_id = self.session.send_message(self.handle, delivery_tag, payload, settled=self.is_presettled)
        if not self.is_presettled:
            self._unsettled[delivery_id] = delivery_tag
            self._all_unsettled.used += 1
            if len(self._unsettled) > self.session.limits.max_unsettled or self._all_unsettled.is_over:
                self._forget(next(iter(self._unsettled)))
        return delivery_id

    def confirm(self, delivery_id: int, outcome: Outcome) -> None:
        """Tell the peer that its outcome for a delivery took effect, or that it did not (a rejection)."""
        self.session.send(Disposition(role=False, first=delivery_id, settled=True, state=outcome))

    def on_flow(self, flow: Flow) -> list[CreditChanged]:
        """Credit is absolute: the deliveries that the peer had seen, plus the number that it can still take.

        A peer may grant credit right behind its attach, before that is answered.
        """
        if not (self.is_open or self.is_requested) or flow.link_credit is None:
            return []
        seen = flow.delivery_count or 0
        self.credit = max(0, flow.link_credit - (self._delivery_count - seen) % SERIAL)
        return [CreditChanged(self, drain=flow.drain)]

    def drain(self) -> None:
        """Use up the credit that is left, and tell the peer."""
        self._delivery_count = (self._delivery_count + self.credit) % SERIAL
        self.credit = 0
        self.session.send_flow(self.handle, self._delivery_count, 0, drain=True)

    def on_disposition(self, disposition: Disposition) -> list[DeliverySettled]:
        """The peer settled deliveries; `Received` only tells how far it has read."""
        state = disposition.state
        if isinstance(state, Received) or (state is None and not disposition.settled):
            return []
        outcome = Accepted() if state is None else state
        return [
            DeliverySettled(self, delivery_id, self._forget(delivery_id), outcome, disposition.settled)
            for delivery_id in self._matching(disposition)
        ]

    def close(self) -> None:
        super().close()
        self._all_unsettled.used -= len(self._unsettled)
        self._unsettled.clear()

    def _forget(self, delivery_id: int) -> bytes:
        self._all_unsettled.used -= 1
        return self._unsettled.pop(delivery_id)

    def _matching(self, disposition: Disposition) -> list[int]:
        last = disposition.first if disposition.last is None else disposition.last
        if last - disposition.first < len(self._unsettled):
            return [each for each in range(disposition.first, last + 1) if each in self._unsettled]
        return [each for each in self._unsettled if disposition.first <= each <= last]
