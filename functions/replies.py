"""The events that `train` and `run_model` send to the client, and how they postpone work."""

import logging
from datetime import timedelta

from functions import telemetry
from functions.backoff import retry_delay
from functions.bus_time import BusTime, bus_time
from functions.contracts import (
    OUTCOME,
    CheckTraining,
    Event,
    Operation,
    RunModel,
    StartTraining,
    command_of,
)
from functions.errors import DeadlineExceeded, InternalError, OnDemandError, Unavailable
from functions.publisher import Publisher
from functions.queues import RESULTS
from functions.telemetry.names import RETRIES

logger = logging.getLogger(__name__)


class Replies:
    """Every method raises Unavailable when the bus cannot be reached; the message in hand is then redelivered."""

    def __init__(self, publisher: Publisher, clock: BusTime = bus_time) -> None:
        self._publisher = publisher
        self._clock = clock

    async def progress(self, command: RunModel, phase: str, operation: Operation) -> None:
        """`phase` names the event: the same phase of the same operation is told once."""
        await self._publish(command, phase, operation)

    async def outcome(self, command: RunModel, operation: Operation) -> bool:
        """Publish the outcome. False when it is too large for a message: the caller stores it, then announces it."""
        operation_json = operation.to_json()
        if len(operation_json) > self._publisher.max_message_bytes:
            return False
        await self._publish(command, OUTCOME, operation, operation_json)
        return True

    async def stored_outcome(self, command: RunModel, operation: Operation) -> None:
        """Announce an outcome that is in the operation store, because it is too large for a message."""
        await self._publish(command, OUTCOME, operation.model_copy(update={"result": None}), result_stored=True)

    async def failed(self, command: RunModel, error: OnDemandError) -> None:
        logger.info("operation %s: %s: %s", command.operation, error.slug, error.detail[:500])
        failure = command.operation_document("error", status_message=error.title, error=error.problem())
        await self._publish(command, OUTCOME, failure)

    async def broken(self, command: RunModel, error: Exception) -> None:
        """Report a fault of ours. Executing the command again would not help."""
        logger.error("operation %s: an unexpected %s", command.operation, type(error).__name__, exc_info=error)
        await self.failed(command, InternalError("The request could not be processed; the service's log says why."))

    async def refuse_if_expired(self, command: RunModel) -> bool:
        """Whether the command is past its deadline. Its client is told so, and the command must not be executed."""
        if self._clock.latest() < command.deadline:
            return False
        await self.failed(command, DeadlineExceeded(f"The request was not answered by {command.deadline:%FT%TZ}."))
        return True

    async def retry_later(
        self, queue: str, message: RunModel | StartTraining | CheckTraining, trouble: Unavailable
    ) -> None:
        """Publish the command again for later. An immediate redelivery would burn the delivery count in seconds."""
        command = command_of(message)
        again = message.model_copy(update={"attempt": message.attempt + 1})
        delay = timedelta(seconds=retry_delay(again.attempt))
        if self._clock.latest() + delay >= command.deadline:
            await self.failed(command, trouble)
            return
        logger.warning(
            "operation %s: %s Trying again in %.0f s.", command.operation, trouble.detail, delay.total_seconds()
        )
        telemetry.active.count(RETRIES, queue)
        await self._publisher.publish(queue, again, at=self._clock.of_message() + delay)

    async def _publish(
        self,
        command: RunModel,
        phase: str,
        operation: Operation,
        operation_json: bytes = b"",
        result_stored: bool = False,
    ) -> None:
        with telemetry.active.sending(RESULTS) as sending:
            event = Event(
                phase=phase,
                operation=operation,
                reply_to_session=command.reply_to_session,
                result_stored=result_stored,
                traceparent=sending.traceparent or command.traceparent,
            )
            # An event that arrives twice does no harm.
            await self._publisher.publish(RESULTS, event, may_share=True, body=event.to_json(operation_json))
        if phase == OUTCOME:
            telemetry.active.finished(operation)
