"""Receiving, running, settling and renewing on one receiver.

The SDK holds a lock on the socket while it waits for a frame, so two operations at a time on one receiver delay each
other by its socket timeout. Here there is never more than one: a loop does whatever is due, and a receive that merely
waits is cancelled as soon as there is something else to do. That is safe while it asks for one message: the SDK cancels
the very same read at every socket timeout, and what arrived meanwhile stays in its buffer for the next call.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSession
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusCommunicationError,
    ServiceBusConnectionError,
    ServiceBusError,
)

from ondemand.host.failures import failures
from ondemand.host.servicebus.lock import LockSchedule, utc_now

RECEIVE_WAIT_S = 5.0  # also how long a cancellation that Python 3.11's wait_for swallows can go unnoticed
CONNECTION_ERRORS = (ServiceBusConnectionError, ServiceBusCommunicationError, OperationTimeoutError)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
MAX_FAILING = 1000
"""Messages whose failures are counted."""
logger = logging.getLogger(__name__)

Handler = Callable[[ServiceBusReceivedMessage], Awaitable[object]]


class MessagePump:
    """Runs a handler for each message, a bounded number at a time.

    A message is completed if its handler returns, and abandoned if it raises. With ``pauses``, a message that fails
    waits longer each time before it is abandoned, and keeps its place and its lock: a dead letter has no last delivery.

    It outlives its receivers: after a lost connection, ``run`` goes on with another receiver where it was.
    """

    def __init__(self, handle: Handler, *, max_calls: int, max_renewal: timedelta, pauses: bool = False) -> None:
        self._handle = handle
        self._max_calls = max_calls
        self._max_renewal = max_renewal
        self._running: dict[asyncio.Task[bool], ServiceBusReceivedMessage] = {}
        self._finished: deque[tuple[ServiceBusReceivedMessage, bool]] = deque()
        self._locks: dict[ServiceBusReceivedMessage | ServiceBusSession, LockSchedule] = {}
        self._receiving: asyncio.Task[list[ServiceBusReceivedMessage]] | None = None
        self._something_due = asyncio.Event()
        self._stopping = asyncio.Event()
        self._pauses = pauses
        self._failures: dict[int | None, int] = {}

    def stop(self) -> None:
        """Receive no more; ``run`` returns once the running handlers have finished and their messages are settled."""
        self._stopping.set()
        self._interrupt()

    async def run(self, receiver: ServiceBusReceiver, idle_timeout: timedelta | None = None) -> None:
        """Pump until stopped, or until nothing has come for *idle_timeout*.

        Raises ServiceBusError when the connection or the session's lock is lost.
        """
        clock = asyncio.get_running_loop().time
        idle_after = None if idle_timeout is None else idle_timeout.total_seconds()
        busy_at = clock()
        while True:
            self._something_due.clear()
            await self._settle_finished(receiver)
            await self._renew_locks(receiver)
            if self._stopping.is_set() and self._is_drained():
                return
            if self._stopping.is_set() or len(self._running) >= self._max_calls:
                await self._wait_until_due()
            elif (
                await self._receive(receiver, min(RECEIVE_WAIT_S, idle_after or RECEIVE_WAIT_S))
                or not self._is_drained()
            ):
                busy_at = clock()
            elif idle_after is not None and clock() - busy_at >= idle_after:
                return

    async def join(self) -> None:
        """Wait for the running handlers without settling their messages, which will be delivered again."""
        if self._running:
            await asyncio.wait(self._running)

    def _is_drained(self) -> bool:
        return not self._running and not self._finished

    def _interrupt(self) -> None:
        self._something_due.set()
        if self._receiving is not None:
            self._receiving.cancel()

    async def _wait_until_due(self) -> None:
        try:
            async with asyncio.timeout(self._next_renewal()):
                await self._something_due.wait()
        except TimeoutError:
            return

    async def _receive(self, receiver: ServiceBusReceiver, wait: float) -> bool:
        """Start the messages that arrive within *wait* seconds; return whether any did."""
        if self._something_due.is_set():
            return False
        receiving = asyncio.create_task(receiver.receive_messages(max_message_count=1, max_wait_time=wait))
        self._receiving = receiving
        try:
            await asyncio.wait({receiving}, timeout=self._next_renewal())
        finally:
            self._receiving = None
            receiving.cancel()
        await asyncio.wait({receiving})
        messages = [] if receiving.cancelled() else receiving.result()
        for message in messages:
            self._start(receiver, message)
        return bool(messages)

    def _start(self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
        lockable = receiver.session or message
        if lockable.locked_until_utc is not None:
            self._locks[lockable] = LockSchedule(lockable.locked_until_utc, self._max_renewal, utc_now())
        task = asyncio.create_task(self._run_handler(message))
        self._running[task] = message
        task.add_done_callback(self._finish)

    async def _run_handler(self, message: ServiceBusReceivedMessage) -> bool:
        try:
            await self._handle(message)
        except Exception as error:  # noqa: BLE001  # a function may raise anything, and each exception means: deliver again
            what = f"message {message.message_id!r} failed on delivery {(message.delivery_count or 0) + 1}"
            failures.log(logger, what, error)
            if self._pauses:
                await self._pause(message)
            return False
        self._failures.pop(message.sequence_number, None)
        return True

    async def _pause(self, message: ServiceBusReceivedMessage) -> None:
        """Wait longer after each failure of a message, unless the pump is stopped."""
        if len(self._failures) >= MAX_FAILING:
            self._failures.clear()
        count = self._failures[message.sequence_number] = self._failures.get(message.sequence_number, 0) + 1
        with suppress(TimeoutError):  # the pause is over
            async with asyncio.timeout(min(FIRST_PAUSE_S * 2 ** min(count - 1, 16), LONGEST_PAUSE_S)):
                await self._stopping.wait()

    def _finish(self, task: asyncio.Task[bool]) -> None:
        message = self._running.pop(task)
        self._locks.pop(message, None)
        if not task.cancelled():
            self._finished.append((message, task.result()))
        self._interrupt()

    async def _settle_finished(self, receiver: ServiceBusReceiver) -> None:
        while self._finished:
            message, succeeded = self._finished[0]
            settle = receiver.complete_message if succeeded else receiver.abandon_message
            try:
                await settle(message)
            except CONNECTION_ERRORS:
                raise
            except ServiceBusError as error:
                logger.warning("message %s could not be settled, it will come again: %s", message.message_id, error)
            self._finished.popleft()

    async def _renew_locks(self, receiver: ServiceBusReceiver) -> None:
        for lockable, schedule in list(self._locks.items()):
            if schedule.due_in(utc_now()) == 0:
                await self._renew_lock(receiver, lockable, schedule)

    async def _renew_lock(
        self,
        receiver: ServiceBusReceiver,
        lockable: ServiceBusReceivedMessage | ServiceBusSession,
        schedule: LockSchedule,
    ) -> None:
        try:
            if isinstance(lockable, ServiceBusSession):
                locked_until = await lockable.renew_lock()
            else:
                locked_until = await receiver.renew_message_lock(lockable)
            schedule.renewed(locked_until, utc_now())
        except CONNECTION_ERRORS:
            raise
        except ServiceBusError as error:
            logger.warning("a lock could not be renewed, its message will come again: %s", error)
            schedule.abandon()

    def _next_renewal(self) -> float | None:
        """Seconds until a lock has to be renewed; None if none has to."""
        now = utc_now()
        due = [seconds for schedule in self._locks.values() if (seconds := schedule.due_in(now)) is not None]
        return min(due, default=None)
