"""A dead-lettered command or event still ends in an outcome that its client sees."""

import logging

import azure.functions as func
from pydantic import ValidationError

from functions.bus import RESULTS, Bus
from functions.contracts import ANY_MESSAGE, OUTCOME, Event, Operation, RunModel, command_of
from functions.errors import DeadLettered
from functions.predict.results import Results

logger = logging.getLogger(__name__)


async def answer_dead_command(message: func.ServiceBusMessage, bus: Bus) -> None:
    """Publish the error outcome of a command from a dead-letter queue. Raises Unavailable."""
    event = _outcome_of(message)
    if event is None:
        # Nobody to tell: no message of ours. Kept it would come back for ever.
        logger.error("dropped dead letter %s: it names no operation", message.message_id)
        return
    logger.error("operation %s was dead-lettered: %s", event.operation.run_id, _reason(message))
    await bus.publish(RESULTS, event)


async def store_dead_event(message: func.ServiceBusMessage, results: Results) -> None:
    """Deliver an event that nobody received in time (its session had no owner for longer than its time to live)."""
    try:
        event = Event.model_validate_json(message.get_body())
    except ValidationError as error:
        logger.error("dropped dead event %s: %s", message.message_id, error)
        return
    await results.deliver(event)


def _outcome_of(message: func.ServiceBusMessage) -> Event | None:
    reason = _reason(message)
    error = DeadLettered(f"The request was given up: {reason or 'it could not be processed'}.")
    fields = {"status_message": error.title, "error": error.problem()}
    try:
        parsed = ANY_MESSAGE.validate_json(message.get_body())
    except ValidationError:
        # The body cannot be read; what names the client stands in the properties for this very case.
        if not message.correlation_id or not message.reply_to_session_id:
            return None
        operation = Operation(run_id=message.correlation_id, status="error", **fields)
        return Event(phase=OUTCOME, operation=operation, reply_to_session=message.reply_to_session_id)
    if isinstance(parsed, Event):
        return None
    command: RunModel = command_of(parsed)
    operation = command.operation_document("error", **fields)
    return Event(phase=OUTCOME, operation=operation, reply_to_session=command.reply_to_session)


def _reason(message: func.ServiceBusMessage) -> str:
    """From the application properties: the host leaves ``dead_letter_reason`` empty, in Azure too."""
    properties = message.application_properties or {}
    names = ("DeadLetterReason", "DeadLetterErrorDescription")
    return ": ".join(str(properties[name]) for name in names if properties.get(name))
