"""A dead-lettered command or event still ends in an outcome that its client sees."""

import logging
import re
from typing import Any

import azure.functions as func
from pydantic import ValidationError

from functions.contracts import (
    OPERATION_ID,
    OUTCOME,
    Event,
    Operation,
    UnknownVersion,
    command_of,
    commands_in,
    events_in,
)
from functions.errors import DeadLettered
from functions.outbox.messages import OPERATIONS
from functions.predict.results import Results
from functions.publisher import Publisher
from functions.queues import RESULTS

logger = logging.getLogger(__name__)
_OPERATION_ID = re.compile(OPERATION_ID)


async def answer_dead_command(message: func.ServiceBusMessage, publisher: Publisher) -> None:
    """Publish the error outcome of each command in a dead letter. Raises Unavailable."""
    outcomes = _outcomes_of(message)
    if not outcomes:
        # Nobody to tell: no message of ours. Kept it would come back for ever.
        logger.error("dropped dead letter %s: it names no operation", message.message_id)
    for event in outcomes:
        logger.error("operation %s was dead-lettered: %s", event.operation.operation_id, _reason(message))
        await publisher.publish(RESULTS, event)


async def store_dead_event(message: func.ServiceBusMessage, results: Results) -> None:
    """Deliver an event that nobody received in time (its session had no owner for longer than its time to live).

    An event that cannot be read ends its operation in an error. Raises Unavailable.
    """
    try:
        events = events_in(message.get_body())
    except (ValidationError, UnknownVersion) as error:
        events = _unread(message)
        logger.error("dead event %s of %d operations cannot be read: %s", message.message_id, len(events), error)
    for event in events:
        await results.deliver(event)


def _outcomes_of(message: func.ServiceBusMessage) -> list[Event]:
    fields = _error_of(message)
    try:
        commands = [command_of(each) for each in commands_in(message.get_body())]
    except (ValidationError, UnknownVersion):
        return _unread(message)
    return [
        Event(
            phase=OUTCOME,
            operation=command.operation_document("error", **fields),
            reply_to_session=command.reply_to_session,
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
    return ": ".join(str(properties[name]) for name in names if properties.get(name))
