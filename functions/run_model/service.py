"""One command from the queue to its outcome: find, load, predict, reply; or ask for a training."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from cachetools import LRUCache

from functions.bus import TRAIN, Bus
from functions.catalog import Catalog, ModelType
from functions.contracts import ModelReference, Operation, RunModel, StartTraining, Training
from functions.errors import DeadlineExceeded, ModelNotLogged, OnDemandError, Unavailable
from functions.operations import Operations
from functions.replies import Replies
from functions.run_model.lookup import Found, NotFound, find_model
from functions.run_model.model_cache import ModelCache, ServedModel
from functions.run_model.scoring import mergeable
from functions.settings import RunModelSettings, run_model_queue
from functions.shared_calls import SharedCalls

logger = logging.getLogger(__name__)

LOOKUP_THREADS = 8
LOAD_TOLD_AFTER_S = 0.3
"""A message of its own for what is over before anybody reads it costs three operations of the bus."""


class RunModelService:
    def __init__(
        self,
        settings: RunModelSettings,
        catalog: Catalog,
        bus: Bus,
        replies: Replies,
        operations: Operations,
        models: ModelCache,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._bus = bus
        self._replies = replies
        self._operations = operations
        self._models = models
        self._lookups: SharedCalls[tuple[str, bool], Found | NotFound] = SharedCalls(
            keep_s=settings.lookup_ttl_s, worth_keeping=lambda outcome: isinstance(outcome, Found)
        )
        # Threads of their own: look-ups that hang on MLflow must not hold up predictions with models in memory.
        self._lookup_threads = ThreadPoolExecutor(LOOKUP_THREADS, "lookup")
        self._last_found: LRUCache[str, Found] = LRUCache(10_000)

    async def handle_all(self, commands: Sequence[RunModel], redelivered: bool) -> None:
        """Handle the commands of one message side by side. Raises Unavailable, after all of them, as `handle` does."""
        if redelivered and len(commands) > 1:
            # One of them may have brought the process down: each goes alone now, so that it takes no other with it.
            await asyncio.gather(*(self._bus.publish(run_model_queue(), each) for each in commands))
            return
        for trouble in await asyncio.gather(*map(self.handle, commands), return_exceptions=True):
            if trouble is not None:
                raise trouble

    async def handle(self, command: RunModel) -> None:
        """Raises Unavailable only when the bus itself is out of reach; the message is then redelivered."""
        if await self._replies.expired(command):
            return
        try:
            _, entry = self._catalog.find(command.model_type)
        except OnDemandError as error:
            await self._replies.failed(command, error)
            return
        try:
            found = await self._find(command, entry)
            if isinstance(found, Found):
                await self._predict(command, entry, found)
            elif command.trained:
                raise _not_logged(command, entry, found)
            else:
                await self._start_training(command)
        except Unavailable as trouble:
            await self._replies.retry_later(entry.queue, command, trouble)
        except OnDemandError as error:
            await self._replies.failed(command, error)

    async def _find(self, command: RunModel, entry: ModelType) -> Found | NotFound:
        """Concurrent look-ups of one key share a call. What was trained just now joins none that began before."""
        try:
            outcome = await self._lookups.get(
                (command.key, command.trained),
                lambda: asyncio.get_running_loop().run_in_executor(
                    self._lookup_threads,
                    partial(find_model, self._settings.mlflow_tracking_uri, entry, command.parameters, command.key),
                ),
            )
        except Unavailable:
            last = self._last_found.get(command.key)
            if last is None or last not in self._models:
                raise
            return last  # a model in memory answers while MLflow is down
        if isinstance(outcome, Found):
            self._last_found[command.key] = outcome
            if command.trained:
                self._lookups.keep((command.key, False), outcome)
        return outcome

    async def _predict(self, command: RunModel, entry: ModelType, found: Found) -> None:
        rows = await self._rows(command)
        served = await self._served(command, entry, found)
        if together := mergeable(rows, served.float_columns):
            records, key = together
            result = await served.merger.predict(records, len(records), key)
        else:
            result = await served.merger.predict(rows)
        await self._answer(
            command,
            command.operation_document(
                "completed",
                result=result,
                model=ModelReference(uri=found.uri, run_id=found.run_id),
            ),
        )

    async def _served(self, command: RunModel, entry: ModelType, found: Found) -> ServedModel:
        """The model from memory, or loaded now; whoever waits is told so if it takes a while."""
        if found in self._models:
            return await self._models.get(found, entry)
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
            for trained in (True, False):  # it may have been deleted
                self._lookups.forget((command.key, trained))
            raise

    async def _rows(self, command: RunModel) -> Any:
        if not command.input_stored:
            return command.prediction_input
        try:
            return await self._operations.get_input(command.operation)
        except KeyError:
            raise DeadlineExceeded("The rows of this request are no longer stored.") from None

    async def _answer(self, command: RunModel, operation: Operation) -> None:
        if len(operation.to_json()) <= self._bus.settings.max_message_bytes:
            await self._replies.outcome(command, operation)
            return
        await self._operations.record(operation)
        await self._replies.stored_outcome(command, operation)

    async def _start_training(self, command: RunModel) -> None:
        await self._bus.publish(TRAIN, StartTraining(command=command))
        requested = command.operation_document(
            "running", status_message="training is requested", training=Training(state="REQUESTED")
        )
        await self._replies.progress(command, "training:requested", requested)


def _not_logged(command: RunModel, entry: ModelType, not_found: NotFound) -> ModelNotLogged:
    run_id = command.training.run_id if command.training else None
    wanted = ", ".join(f"{name}={value}" for name, value in command.parameters.items())
    if not_found.runs_without_model:
        runs = ", ".join(not_found.runs_without_model[:5])
        reason = f"MLflow run {runs} has these parameters but logged no model named {entry.artifact_name!r}"
    else:
        reason = f"the experiment {entry.experiment!r} has no finished run with {wanted}"
    return ModelNotLogged(f"Databricks run {run_id} ended well, but {reason}.")
