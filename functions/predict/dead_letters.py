"""A dead-lettered command or event still ends in an outcome that its client sees."""

import logging

import azure.functions as func
from pydantic import ValidationError

from functions.contracts import OUTCOME, Event, Operation, command_of, commands_in, events_in
from functions.errors import DeadLettered
from functions.outbox.messages import OPERATIONS
from functions.predict.results import Results
from functions.publisher import Publisher
from functions.queues import RESULTS

logger = logging.getLogger(__name__)


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
    """Deliver an event that nobody received in time (its session had no owner for longer than its time to live)."""
    try:
        events = events_in(message.get_body())
    except ValidationError as error:
        logger.error("dropped dead event %s: %s", message.message_id, error)
        return
    for event in events:
        await results.deliver(event)


def _outcomes_of(message: func.ServiceBusMessage) -> list[Event]:
    reason = _reason(message)
    error = DeadLettered(f"The request was given up: {reason or 'it could not be processed'}.")
    fields = {"status_message": error.title, "error": error.problem()}
    try:
        commands = [command_of(each) for each in commands_in(message.get_body())]
    except ValidationError:
        # The body cannot be read; what names the clients stands in the properties for this very case.
        session = message.reply_to_session_id
        operations = [Operation(operation_id=each, status="error", **fields) for each in _operations_named(message)]
        return [Event(phase=OUTCOME, operation=each, reply_to_session=session) for each in operations if session]
    return [
        Event(
            phase=OUTCOME,
            operation=command.operation_document("error", **fields),
            reply_to_session=command.reply_to_session,
        )
        for command in commands
    ]


def _operations_named(message: func.ServiceBusMessage) -> list[str]:
    if message.correlation_id:
        return [message.correlation_id]
    named = str((message.application_properties or {}).get(OPERATIONS, ""))
    return named.split(",") if named else []


def _reason(message: func.ServiceBusMessage) -> str:
    """From the application properties: the host leaves ``dead_letter_reason`` empty, in Azure too."""
    properties = message.application_properties or {}
    names = ("DeadLetterReason", "DeadLetterErrorDescription")
    return ": ".join(str(properties[name]) for name in names if properties.get(name))
