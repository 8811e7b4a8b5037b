"""The link end that the peer sends to."""

from __future__ import annotations

from dataclasses import dataclass

from servicebus_broker.amqp.errors import NotAllowedError
from servicebus_broker.amqp.link import SERIAL, Channel, Link
from servicebus_broker.amqp.performatives import Attach, Disposition, Error, Flow, Outcome, Rejected, Transfer

LINK_CREDIT = 1000


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message arrived. Answer with ``link.settle`` unless it came ``settled``."""

    link: IncomingLink
    delivery_id: int
    message_format: int
    payload: bytes
    settled: bool


class IncomingLink(Link):
    """The peer sends here. Its credit never runs out: azure-servicebus breaks at zero credit."""

    def __init__(self, session: Channel, attach: Attach) -> None:
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
        """Tell the peer the outcome of its message."""
        self.session.send(Disposition(role=True, first=delivery_id, settled=True, state=outcome))

    def on_flow(self, flow: Flow) -> None:
        """The sender may ask for the state of this end; nothing else in its flow matters."""
        if flow.echo and self.is_open:
            self._grant()

    def on_transfer(self, transfer: Transfer, payload: bytes) -> list[MessageReceived]:
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
        """Keep a part of a message; of a message that is too large, only the size is kept."""
        self._size += len(payload)
        if self._size > self.max_message_size:
            self._keep_nothing()
            return
        self._partial += payload
        self.session.incomplete.add(len(payload))

    def _keep_nothing(self) -> None:
        self.session.incomplete.release(len(self._partial))
        self._partial = bytearray()

    def _refuse_too_large(self, delivery_id: int) -> None:
        # The link survives: azure-servicebus reports a detach as an unknown error, but a rejection by its condition.
        self._forget()
        self._count_delivery()
        description = f"The message is larger than the maximum of {self.max_message_size} bytes."
        self.settle(delivery_id, Rejected(Error("amqp:link:message-size-exceeded", description, {})))

    def _forget(self) -> None:
        self._keep_nothing()
        self._first = None
        self._size = 0

    def _count_delivery(self) -> None:
        self._delivery_count = (self._delivery_count + 1) % SERIAL
        self._credit -= 1
        if self._credit <= LINK_CREDIT // 2:
            self._grant()

    def _grant(self) -> None:
        self._credit = LINK_CREDIT
        self.session.send_flow(self.handle, self._delivery_count, self._credit)
