"""A queue with the receivers that wait for its messages and sessions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Protocol

from servicebus_broker.amqp.performatives import Error
from servicebus_broker.queues.agenda import Agenda
from servicebus_broker.queues.clock import Clock
from servicebus_broker.queues.deadlines import Alarm, Deadlines
from servicebus_broker.queues.errors import QueueError
from servicebus_broker.queues.queue import Queue
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.errors import error_of


class Dispatchable(Protocol):
    """An object that may have messages to deliver."""

    def dispatch(self) -> None: ...


class Receiver(Protocol):
    """A client's receiver of a queue without sessions."""

    def deliver(self) -> bool:
        """Deliver the next message, if the client can take it; returns whether it could take another."""

    def drop(self, error: Error) -> None:
        """End the client's link."""


class Seeker(Protocol):
    """A client's receiver that waits for a session."""

    def accept_next(self) -> None:
        """A session may be available."""

    def timed_out(self) -> None:
        """No session became available in time."""

    def drop(self, error: Error) -> None:
        """End the client's link."""


class DispatchList:
    """The objects to dispatch at the end of the current step, each once."""

    def __init__(self) -> None:
        self._items: OrderedDict[Dispatchable, None] = OrderedDict()

    def add(self, item: Dispatchable) -> None:
        self._items.setdefault(item)

    def run(self) -> None:
        """Dispatch all, including those that are added meanwhile."""
        while self._items:
            item, _ = self._items.popitem(last=False)
            item.dispatch()


class Entity:
    """A queue (or dead-letter queue), the receivers with credit, and those that wait for a session.

    ``created_at``, ``updated_at`` and ``accessed_at`` are running times; they begin with the process.
    """

    def __init__(
        self,
        settings: QueueSettings,
        clock: Clock,
        dispatch_list: DispatchList,
        agenda: Agenda[Entity],
        *,
        dead_letters: Entity | None = None,
        find: Callable[[str], Queue | None],
    ) -> None:
        self.dispatch_list = dispatch_list
        self.dead_letters = dead_letters
        self._due_earlier = agenda.join(self)
        self.queue: Queue = Queue(
            settings,
            clock,
            dead_letters=dead_letters.queue if dead_letters else None,
            on_ready=lambda queue: dispatch_list.add(self),
            on_due=self._due_earlier,
            find=find,
        )
        self.created_at = self.updated_at = self.accessed_at = clock()
        self.clock = clock
        self._receivers: OrderedDict[Receiver, None] = OrderedDict()
        self._seekers: OrderedDict[int, Seeker] = OrderedDict()
        self._seeker_numbers = count()
        self._seekers_alarm = Alarm(self._due_earlier)
        self._seeker_deadlines: Deadlines[int] = Deadlines(self._seekers_alarm)
        self._due_earlier(self.idle_at)

    def reconfigure(self, settings: QueueSettings) -> None:
        """Use other settings from now on. Raises InvalidOperationError for a property that cannot change."""
        self.queue.reconfigure(settings)
        self.updated_at = self.clock()
        self._due_earlier(self.idle_at)

    def accessed(self) -> None:
        """Note that a client sends, receives, or opens a link."""
        self.accessed_at = self.clock()

    @property
    def idle_at(self) -> float:
        """The time when the queue is deleted unless it is accessed before; FOREVER if never."""
        return self.accessed_at + self.queue.settings.auto_delete_on_idle

    def next_due(self) -> float:
        """The time when `advance` has something to do, or the queue is deleted."""
        return min(self.queue.next_due(), self._seekers_alarm.next_due(), self.idle_at)

    def advance(self) -> None:
        """Do the work that is due in the queue, and end the wait of seekers whose time is over."""
        now = self.queue.advance()
        for number in self._seeker_deadlines.take_due(now):
            self._seekers.pop(number).timed_out()

    def dispatch(self) -> None:
        """Deliver messages, one receiver after the other, and give out sessions; or forward messages."""
        try:
            self.queue.check_can_receive()
        except QueueError as refusal:
            self._drop_all(error_of(refusal))
            self.queue.advance()
            return
        while self.queue.has_ready and self._receivers:
            receiver, _ = self._receivers.popitem(last=False)
            if receiver.deliver():
                self._receivers[receiver] = None
        while self._seekers and self.queue.sessions.has_available:
            number, seeker = self._seekers.popitem(last=False)
            self._seeker_deadlines.discard(number)
            seeker.accept_next()

    def join(self, receiver: Receiver) -> None:
        """A receiver has credit."""
        self._receivers.setdefault(receiver)
        self.dispatch_list.add(self)

    def leave(self, receiver: Receiver) -> None:
        """A receiver is gone."""
        self._receivers.pop(receiver, None)

    def seek_session(self, seeker: Seeker, timeout: float) -> int:
        """Wait for the next available session; `stop_seeking` takes the returned number."""
        number = next(self._seeker_numbers)
        self._seekers[number] = seeker
        self._seeker_deadlines.set(number, self.clock() + timeout)
        self.dispatch_list.add(self)
        return number

    def _drop_all(self, error: Error) -> None:
        waiting_clients: list[Receiver | Seeker] = [*self._receivers, *self._seekers.values()]
        for waiting in waiting_clients:
            waiting.drop(error)

    def stop_seeking(self, number: int) -> None:
        """The receiver that waits for a session is gone."""
        self._seekers.pop(number, None)
        self._seeker_deadlines.discard(number)
