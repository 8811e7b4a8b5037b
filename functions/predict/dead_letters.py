"""A dead-lettered command or event ends in an outcome that its client sees, and its original is kept."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import azure.functions as func

from functions import telemetry
from functions.backoff import retry_delay
from functions.contracts import OPERATION_ID, OUTCOME, Event, Operation, command_of, commands_in, events_in
from functions.errors import DeadLettered, Unavailable, cut
from functions.outbox.messages import OPERATIONS
from functions.predict.results import Results
from functions.publisher import Publisher
from functions.queues import FAILED, RESULTS
from functions.telemetry.names import DEAD_LETTERS

logger = logging.getLogger(__name__)
_OPERATION_ID = re.compile(OPERATION_ID)
MAX_NAMED = 100
"""Operations that the properties of a kept message name; a message of ours has at most 32."""


class Keeper(Protocol):
    """Keeps originals: `functions.predict.failed.Failed`."""

    async def keep(self, message: func.ServiceBusMessage, queue: str, operations: Sequence[str]) -> None:
        """Raises Unavailable."""


class DeadLetters:
    """Answers the clients of dead letters and keeps the originals.

    A dead letter has no delivery count that would end it, and the host delivers it again at once: so a function raises
    only while the bus or the store cannot be reached, and after a pause that grows with the failures.
    """

    def __init__(
        self,
        publisher: Publisher,
        results: Results,
        keeper: Keeper,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._publisher = publisher
        self._results = results
        self._keeper = keeper
        self._sleep = sleep
        self._failures = 0

    async def command(self, message: func.ServiceBusMessage, queue: str) -> None:
        """Publish the error outcome of each command. Raises Unavailable."""
        events = _outcomes_of(message)
        for event in events:
            logger.error("operation %s was dead-lettered: %s", event.operation.operation_id, _reason(message))
        async with self._pause_before_raising():
            await _all_answered(message, [self._publisher.publish(RESULTS, event) for event in events])
            await self._keep(message, queue, events)
        for event in events:
            telemetry.active.finished(event.operation)

    async def event(self, message: func.ServiceBusMessage) -> None:
        """Deliver an event that nobody received in time (its session had no owner for longer than its time to live).

        An event that cannot be read ends its operation in an error. Only an event that reached nobody is kept. Raises
        Unavailable.
        """
        is_read = True
        try:
            events = events_in(message.get_body())
        except ValueError as error:
            is_read, events = False, _unread(message)
            logger.error("dead event %s of %d operations cannot be read: %s", message.message_id, len(events), error)
        async with self._pause_before_raising():
            is_answered = await _all_answered(message, [self._results.deliver(event) for event in events])
            if not (is_read and is_answered):
                await self._keep(message, RESULTS, events)

    async def _keep(self, message: func.ServiceBusMessage, queue: str, events: Sequence[Event]) -> None:
        named = [str(event.operation.operation_id) for event in events] or _operations_named(message)
        await self._keeper.keep(message, queue, named[:MAX_NAMED])
        telemetry.active.count(DEAD_LETTERS, queue)
        reason = _reason(message) or "no reason is given"
        logger.error("dead letter %r of %s is kept in the queue %s: %s", message.message_id, queue, FAILED, reason)

    @asynccontextmanager
    async def _pause_before_raising(self) -> AsyncIterator[None]:
        try:
            yield
        except Unavailable:
            self._failures += 1
            await self._sleep(retry_delay(self._failures))
            raise
        self._failures = 0


async def _all_answered(message: func.ServiceBusMessage, answers: Sequence[Awaitable[None]]) -> bool:
    """Wait for all answers. Raises Unavailable; another error would come at every delivery, so it is only told."""
    is_answered = True
    for trouble in await asyncio.gather(*answers, return_exceptions=True):
        if isinstance(trouble, Unavailable):
            raise trouble
        if isinstance(trouble, Exception):
            is_answered = False
            logger.error("dead letter %s: a client is not answered", message.message_id, exc_info=trouble)
    return is_answered


def _outcomes_of(message: func.ServiceBusMessage) -> list[Event]:
    fields = _error_of(message)
    try:
        commands = [command_of(each) for each in commands_in(message.get_body())]
    except ValueError:
        return _unread(message)
    return [
        Event(
            phase=OUTCOME,
            operation=command.operation_document("error", **fields),
            reply_to_session=command.reply_to_session,
            traceparent=command.traceparent,
        )
        for command in commands
    ]


def _unread(message: func.ServiceBusMessage) -> list[Event]:
    """The outcomes of a message whose body cannot be read: its properties name the operations for this very case."""
    session = message.reply_to_session_id or message.session_id or ""
    return [
        Event(
            phase=OUTCOME,
            operation=Operation(operation_id=each, status="error", **_error_of(message)),
            reply_to_session=session,
        )
        for each in _operations_named(message)
        if session
    ]


def _error_of(message: func.ServiceBusMessage) -> dict[str, Any]:
    error = DeadLettered(f"The request was given up: {_reason(message) or 'it could not be processed'}.")
    return {"status_message": error.title, "error": error.problem()}


def _operations_named(message: func.ServiceBusMessage) -> list[str]:
    """The operation ids in the properties; whatever else stands there names nobody."""
    named = message.correlation_id or str((message.application_properties or {}).get(OPERATIONS, ""))
    return [each for each in named.split(",") if _OPERATION_ID.fullmatch(each)]


def _reason(message: func.ServiceBusMessage) -> str:
    """From the application properties: the host leaves ``dead_letter_reason`` empty, in Azure too."""
    properties = message.application_properties or {}
    names = ("DeadLetterReason", "DeadLetterErrorDescription")
    return cut(": ".join(str(properties[name]) for name in names if properties.get(name)), 1000)
