"""Where results go: to the HTTP request that waits for them, or into the operation store."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from functions import telemetry
from functions.backoff import retry_delay
from functions.bus_time import bus_time
from functions.contracts import Event, Operation, UnknownVersion
from functions.errors import Unavailable
from functions.operations import Operations
from functions.predict.backlog import Backlog
from functions.predict.shares import Shares
from functions.publisher import Publisher
from functions.put_off import Received, put_off
from functions.queues import RESULTS
from functions.telemetry.names import RETRIES

logger = logging.getLogger(__name__)


class Waiter:
    """One HTTP request that waits for its operation. ``durable``: others read the outcome from the store too."""

    def __init__(self, accepted: Operation, durable: bool) -> None:
        self.operation = accepted
        self.durable = durable
        self._changed = asyncio.Event()

    def hand_over(self, operation: Operation) -> None:
        if not self.operation.finished:
            self.operation = operation
            self._changed.set()

    async def wait(self, seconds: float, leave_for_training: bool) -> Operation:
        """The operation when it is finished, a training is known to be needed (if asked for), or time is over."""
        try:
            async with asyncio.timeout(seconds):
                while not self._settled(leave_for_training):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self.operation

    def _settled(self, leave_for_training: bool) -> bool:
        return self.operation.finished or (leave_for_training and self.operation.training is not None)


class Results:
    """Delivers events. ``places`` are those of the requests that wait, ``backlog`` is what they and others wait for."""

    def __init__(
        self,
        operations: Operations,
        publisher: Publisher,
        max_waiting: int,
        max_pending: int = 20_000,
        timeout_s: float = 900,
    ) -> None:
        self._operations = operations
        self._publisher = publisher
        self.places = Shares(max_waiting, "places to wait")
        self.backlog = Backlog(max_pending, max_waiting, timeout_s)
        self._waiters: dict[str, Waiter] = {}
        self._in_training: set[str] = set()

    @property
    def in_flight(self) -> int:
        """How many requests wait for a prediction; not those whose model is being trained."""
        return len(self._waiters) - len(self._in_training)

    @contextmanager
    def expect(self, accepted: Operation, durable: bool) -> Iterator[Waiter]:
        """Register before publishing, so that no answer is too fast."""
        waiter = Waiter(accepted, durable)
        operation_id = str(accepted.operation_id)
        self._waiters[operation_id] = waiter
        try:
            yield waiter
        finally:
            if self._waiters.get(operation_id) is waiter:
                del self._waiters[operation_id]
                self._in_training.discard(operation_id)

    def hand_over(self, event: Event) -> bool:
        """True if the event is now with the request that waits for it and needs to go nowhere else."""
        with telemetry.active.event(RESULTS, event):
            return self._hand_over(event)

    def _hand_over(self, event: Event) -> bool:
        if event.operation.finished or event.operation.training is not None:
            self.backlog.answered(str(event.operation.operation_id))
        waiter = self._waiters.get(str(event.operation.operation_id))
        if waiter is None or event.result_stored:
            return False
        waiter.hand_over(event.operation)
        if waiter.operation.training is not None:
            self._in_training.add(str(event.operation.operation_id))
        return not waiter.durable

    async def deliver(self, event: Event) -> None:
        """Hand the event over or store it. Raises Unavailable as `store` does."""
        if not self.hand_over(event):
            await self.store(event)

    async def store(self, event: Event) -> None:
        """Store what `hand_over` did not take. While the store is down, the event is published again for later.

        Raises Unavailable when the bus is down too.
        """
        try:
            if event.result_stored:
                await self._hand_over_stored(event)
            else:
                await self._operations.record(event.operation)
        except Unavailable:
            again = event.model_copy(update={"attempt": event.attempt + 1})
            telemetry.active.count(RETRIES, RESULTS)
            await self._publisher.publish(
                RESULTS, again, at=bus_time.of_message() + timedelta(seconds=retry_delay(again.attempt))
            )

    async def put_off(self, message: Received, body: bytes, reason: UnknownVersion) -> bool:
        """See `functions.put_off`."""
        return await put_off(self._publisher, RESULTS, message, body, reason)

    async def _hand_over_stored(self, event: Event) -> None:
        operation_id = str(event.operation.operation_id)
        waiter = self._waiters.get(operation_id)
        stored = await self._operations.outcome(operation_id)
        if stored is None:
            logger.error("operation %s: its stored result is gone", operation_id)
        elif waiter is not None:
            waiter.hand_over(stored)
