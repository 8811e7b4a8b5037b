"""The arrival of messages in a queue: at once or scheduled, without duplicates, within the size limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count

from servicebus_broker.amqp.sections import Sections, set_message_id
from servicebus_broker.queues.admission import check
from servicebus_broker.queues.deadlines import Alarm, Deadlines
from servicebus_broker.queues.duplicates import DuplicateHistory
from servicebus_broker.queues.message import Message, MessageState, scheduled_enqueue_time
from servicebus_broker.queues.placement import Placement
from servicebus_broker.queues.settings import FOREVER


class Intake:
    """Numbers new messages, and drops duplicates."""

    def __init__(self, placement: Placement, alarm: Alarm, from_wall: Callable[[float], float]) -> None:
        self._placement = placement
        self._from_wall = from_wall
        self.history = DuplicateHistory(placement.settings.duplicate_detection_window)
        self.schedule: Deadlines[int] = Deadlines(alarm)
        self._scheduled_ids: dict[str, int] = {}
        self._new_ids = _ids()

    def take(self, messages: Sequence[Sections], now: float) -> list[int]:
        """Add messages, all or none; returns their sequence numbers. Raises QueueError and DecodeError.

        As in Service Bus, a message without an id gets one: azure-servicebus for JavaScript settles by it.
        """
        for sections in messages:
            if sections.message_id is None:
                set_message_id(sections, next(self._new_ids))
        arrivals = [(Message(sections, 0, now, FOREVER), self._scheduled_for(sections)) for sections in messages]
        size = 0
        for message, _ in arrivals:
            check(message, self._placement.settings)
            size += message.size
        self._placement.check_room(size)
        return [self._accept(message, scheduled_for, now) for message, scheduled_for in arrivals]

    def take_over(self, message: Message, now: float) -> None:
        """Add a message that another queue forwards."""
        if self._is_duplicate(message, now):
            return
        message.sequence_number = self._placement.log.next_sequence_number()
        self._enqueue(message, now)

    def cancel(self, sequence_numbers: Iterable[int]) -> None:
        """Withdraw scheduled messages, all or none. Raises MessageNotFoundError."""
        log = self._placement.log
        for message in [log.find(number, MessageState.SCHEDULED) for number in dict.fromkeys(sequence_numbers)]:
            self._unschedule(message)
            log.remove(message)

    def activate_due(self, now: float) -> None:
        """Enqueue scheduled messages that are due: appended, as in Service Bus, under a new number."""
        log = self._placement.log
        for number in self.schedule.take_due(now):
            message = log.get(number)
            if message is not None:
                self._unschedule(message)
                log.remove(message)
                message.sequence_number = log.next_sequence_number()
                message.state = MessageState.ACTIVE
                self._enqueue(message, now)

    def restore_scheduled(self, message: Message, now: float) -> None:
        """Add a scheduled message of a former process."""
        self._placement.log.restore(message)
        if message.expires_at == FOREVER:  # a journal of version 0.1.0
            message.expires_at = self._scheduled_for(message.sections) or now
        self._schedule(message)

    def _scheduled_for(self, sections: Sections) -> float | None:
        """The running time for which a client schedules a message, by the machine's clock as it is set now."""
        wall = scheduled_enqueue_time(sections)
        return None if wall is None else self._from_wall(wall)

    def _accept(self, message: Message, scheduled_for: float | None, now: float) -> int:
        log = self._placement.log
        if self._is_duplicate(message, now):
            return self._number_of_duplicate(message)
        message.sequence_number = log.next_sequence_number()
        if scheduled_for is not None and scheduled_for > now:
            message.state, message.expires_at = MessageState.SCHEDULED, scheduled_for
            log.add(message)
            self._schedule(message)
        else:
            self._enqueue(message, now)
        return message.sequence_number

    def _enqueue(self, message: Message, now: float) -> None:
        ttl = message.sections.ttl
        default = self._placement.settings.default_time_to_live
        message.enqueued_at = now
        message.expires_at = now + (default if ttl is None else min(ttl / 1000, default))
        self._placement.add(message)

    def _schedule(self, message: Message) -> None:
        self.schedule.set(message.sequence_number, message.expires_at)
        if self._placement.settings.requires_duplicate_detection and message.sections.message_id is not None:
            self._scheduled_ids[str(message.sections.message_id)] = message.sequence_number

    def _unschedule(self, message: Message) -> None:
        self.schedule.discard(message.sequence_number)
        message_id = str(message.sections.message_id)
        if self._scheduled_ids.get(message_id) == message.sequence_number:
            del self._scheduled_ids[message_id]

    def _is_duplicate(self, message: Message, now: float) -> bool:
        message_id = message.sections.message_id
        if not self._placement.settings.requires_duplicate_detection or message_id is None:
            return False
        if self.history.is_duplicate(str(message_id), now):
            return True
        self._placement.log.recorder.seen_at(str(message_id), now)
        return False

    def _number_of_duplicate(self, message: Message) -> int:
        # A client that schedules a message again because the answer was lost can cancel it by either answer.
        number = self._scheduled_ids.get(str(message.sections.message_id))
        if number is None:
            number = self._placement.log.next_sequence_number()
            self._placement.log.recorder.numbered(number)
        return number


def _ids() -> Iterator[str]:
    """Ids that nobody else has: 32 hexadecimal digits, as the service gives them."""
    own = os.urandom(8).hex()
    return (f"{own}{number:016x}" for number in count())
