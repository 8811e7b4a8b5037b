"""One command from the queue to its outcome: find, load, predict, reply; or ask for a training."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, cast

from functions import telemetry
from functions.bus_time import bus_time
from functions.catalog import Catalog, ModelType
from functions.contracts import ModelReference, Operation, RunModel, StartTraining, Training
from functions.errors import (
    DeadlineExceeded,
    ModelNotLoaded,
    OnDemandError,
    PredictionFailed,
    Unavailable,
    WrongPool,
)
from functions.operations import Operations
from functions.publisher import Publisher
from functions.queues import TRAIN
from functions.replies import Replies
from functions.run_model.known_models import KnownModels
from functions.run_model.lookup import Found
from functions.run_model.missing import not_logged
from functions.run_model.model_cache import ModelCache
from functions.run_model.served_model import ServedModel
from functions.telemetry.names import CACHE

logger = logging.getLogger(__name__)

LOAD_TOLD_AFTER_S = 0.3
"""A message of its own for what is over before anybody reads it costs three operations of the bus."""


class RunModelService:
    """Handles the commands of one runner pool's ``queue``."""

    def __init__(
        self,
        queue: str,
        catalog: Catalog,
        publisher: Publisher,
        operations: Operations,
        known: KnownModels,
        models: ModelCache,
    ) -> None:
        self._queue = queue
        self._catalog = catalog
        self._publisher = publisher
        self._replies = Replies(publisher)
        self._operations = operations
        self._known = known
        self._models = models
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def handle_all(self, commands: Sequence[RunModel], redelivered: bool) -> None:
        """Handle the commands of one message side by side. Raises Unavailable, after all of them, as `handle` does."""
        if redelivered and len(commands) > 1:
            # One of them may have brought the process down: each goes alone now, so that it takes no other with it.
            await asyncio.gather(*(self._publisher.publish(self._queue, each) for each in commands))
            return
        handling = (self._handle_once(command) for command in commands)
        for trouble in await asyncio.gather(*handling, return_exceptions=True):
            if trouble is not None:
                raise trouble

    async def _handle_once(self, command: RunModel) -> None:
        """Handle a command, or wait for the end of its handling if it was delivered before: its lock was lost.

        If the first delivery is cancelled the command is handled anew: a request that nobody waits for is not computed.
        """
        while running := self._under_way.get(command.message_id):
            await asyncio.wait((running,))
            if not running.cancelled():
                return running.result()
        self._under_way[command.message_id] = cast(asyncio.Task[None], asyncio.current_task())
        try:
            with telemetry.active.command(self._queue, command):
                await self.handle(command)
        finally:
            del self._under_way[command.message_id]

    async def handle(self, command: RunModel) -> None:
        """Raises Unavailable only when the bus itself is out of reach; the message is then redelivered."""
        if await self._replies.refuse_if_expired(command):
            return
        try:
            await self._answer_or_train(command)
        except Unavailable as trouble:
            await self._replies.retry_later(self._queue, command, trouble)
        except (PredictionFailed, ModelNotLoaded) as error:
            # The log has the text that the model's code raised; the client reads only the error.
            logger.warning("operation %s: %s", command.operation, error.title, exc_info=error)
            await self._replies.failed(command, error)
        except OnDemandError as error:
            await self._replies.failed(command, error)
        except Exception as error:  # noqa: BLE001  # a fault of ours, whatever it is, is one outcome
            await self._replies.broken(command, error)

    async def _answer_or_train(self, command: RunModel) -> None:
        entry = self._catalog.check(command.model_type, command.parameters, command.key)
        if entry.queue != self._queue:
            raise WrongPool(f"{command.model_type!r} is served through the queue {entry.queue}; ask again.")
        found = await self._known.find(command, entry)
        if isinstance(found, Found):
            await self._predict(command, entry, found)
        elif command.trained and not command.retrain:
            raise not_logged(command, entry, found)
        else:
            await self._start_training(command)

    async def _predict(self, command: RunModel, entry: ModelType, found: Found) -> None:
        rows = await self._rows(command)
        served = await self._served(command, entry, found)
        until = time.monotonic() + (command.deadline - bus_time.latest()).total_seconds()
        with telemetry.active.step("predict", command.model_type):
            answer = await served.predict(rows, until)
        await self._answer(
            command,
            command.operation_document(
                "completed",
                result=answer.result,
                ignored_columns=list(answer.ignored_columns) or None,
                model=ModelReference(uri=found.uri, mlflow_run_id=found.mlflow_run_id),
            ),
        )

    async def _served(self, command: RunModel, entry: ModelType, found: Found) -> ServedModel:
        """The model from memory, or loaded now."""
        if found in self._models:
            telemetry.active.count(CACHE, command.model_type, "hit")
            return await self._models.get(found, entry)
        telemetry.active.count(CACHE, command.model_type, "miss")
        with telemetry.active.step("load", command.model_type):
            return await self._loaded(command, entry, found)

    async def _loaded(self, command: RunModel, entry: ModelType, found: Found) -> ServedModel:
        """The model when it is loaded; the client is told that it loads if it takes a while."""
        loading = asyncio.ensure_future(self._models.get(found, entry))
        try:
            done, _ = await asyncio.wait([loading], timeout=LOAD_TOLD_AFTER_S)
            if not done:
                document = command.operation_document("running", status_message="loading the model")
                await self._replies.progress(command, f"loading:{command.attempt}", document)
        except BaseException:
            loading.cancel()  # the wait for it; a load goes on, others may wait for it
            raise
        try:
            return await loading
        except Unavailable:
            self._known.forget(command.key)  # it may have been deleted
            raise

    async def _rows(self, command: RunModel) -> Any:
        if not command.input_stored:
            return command.prediction_input
        try:
            return await self._operations.get_input(command.operation)
        except KeyError:
            raise DeadlineExceeded("The rows of this request are no longer stored.") from None

    async def _answer(self, command: RunModel, operation: Operation) -> None:
        if not await self._replies.outcome(command, operation):
            await self._operations.record(operation)
            await self._replies.stored_outcome(command, operation)

    async def _start_training(self, command: RunModel) -> None:
        with telemetry.active.sending(TRAIN) as sending:
            await self._publisher.publish(TRAIN, StartTraining(command=command.traced(sending.traceparent)))
        requested = command.operation_document(
            "running", status_message="training is requested", training=Training(state="REQUESTED")
        )
        await self._replies.progress(command, "training:requested", requested)
