"""One training per key, however many requests ask for it. No message is held while a run is running."""

import asyncio
import hashlib
import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from functions import telemetry
from functions.backoff import next_poll, shortest_gap
from functions.bus_time import bus_time
from functions.catalog import Catalog, ModelType
from functions.contracts import CheckTraining, RunModel, StartTraining, Training
from functions.errors import OnDemandError, TrainingFailed, TrainingRefused, Unavailable
from functions.parameters import ParameterValue
from functions.publisher import Publisher
from functions.queues import TRAIN
from functions.replies import Replies
from functions.shared_calls import SharedCalls
from functions.time_limits import limited
from functions.train.jobs import RunStatus
from functions.train.places import EndedRun
from functions.train.poller import RunPoller
from functions.train.quotas import Quotas, ended_run

logger = logging.getLogger(__name__)

CLOCK_SKEW = timedelta(seconds=10)
"""A run that succeeded up to this long before the command was accepted may have ended after it, by another clock.

Its model is looked for. If there is none, that run is stepped over too, and the command has a training of its own.
"""
GIVE_BACK_S = 30.0
"""For the store to give a place back. It goes on beside the handler, whose own limit would put its message off."""
MAX_FORMER_RUNS = 200
"""Former runs of one key that are skipped to find the current one."""


class Trainings(Protocol):
    """What `TrainService` asks of Databricks: see `Jobs`."""

    async def submit(
        self, name: str, entry: ModelType, parameters: dict[str, ParameterValue], idempotency_token: str
    ) -> int: ...

    async def status(self, databricks_run_id: int) -> RunStatus: ...

    async def failure(self, run: RunStatus) -> str: ...


class TrainService:
    """Handles the messages of the queue `train`."""

    def __init__(
        self, catalog: Catalog, publisher: Publisher, replies: Replies, jobs: Trainings, quotas: Quotas
    ) -> None:
        self._catalog = catalog
        self._publisher = publisher
        self._replies = replies
        self._jobs = jobs
        self._quotas = quotas
        self._poller = RunPoller(jobs.status)
        self._claims: SharedCalls[tuple[str, str], None] = SharedCalls(keep_s=0)
        """By token and caller: the quota of one caller refuses no other one that asks for the same training."""
        self._submissions: SharedCalls[str, int] = SharedCalls(keep_s=3600)

    async def handle(self, message: StartTraining | CheckTraining) -> None:
        """Raises Unavailable only when the bus itself is out of reach."""
        if await self._replies.refuse_if_expired(message.command):
            return
        try:
            command = message.command
            self._catalog.check(command.model_type, command.parameters, command.key)
            async with limited():
                await (self._start(command) if isinstance(message, StartTraining) else self._check(message))
        except Unavailable as trouble:
            _log_cause(message.command, trouble)
            await self._replies.retry_later(TRAIN, message, trouble)
        except OnDemandError as error:
            _log_cause(message.command, error)
            await self._replies.failed(message.command, error)
        except Exception as error:  # noqa: BLE001  # every fault of ours is one outcome
            await self._replies.broken(message.command, error)

    async def _start(self, command: RunModel) -> None:
        run = await self._current_run(command)
        logger.info(
            "operation %s: Databricks run %s for %s", command.operation, run.databricks_run_id, command.key[:12]
        )
        await self._next_step(command, run, checks=0)

    async def _check(self, message: CheckTraining) -> None:
        training = message.command.training
        if training is None or training.databricks_run_id is None:
            raise TrainingFailed("The check named no Databricks run.")
        run = await self._poller.poll(training.databricks_run_id, _age(training.started_at))
        if run.name != run_name(message.command):
            # Another one's run, or one that an older version named. Nothing of it is shown.
            logger.warning("operation %s: run %s has another name", message.command.operation, run.databricks_run_id)
            run = await self._current_run(message.command)
        await self._next_step(message.command, run, message.checks + 1)

    async def _next_step(self, command: RunModel, run: RunStatus, checks: int) -> None:
        """Schedule the next poll, hand over to `run_model`, or report the failure."""
        training = Training(
            databricks_run_id=run.databricks_run_id, url=run.url, state=run.state, started_at=run.started_at
        )
        known, command = command.training, command.model_copy(update={"training": training})
        if run.succeeded is not None:
            telemetry.active.trained(command, run)
        if run.succeeded is None:
            if known is None or known.state != training.state:
                running = command.operation_document("running", status_message=f"training is {run.state}")
                await self._replies.progress(command, f"training:{run.databricks_run_id}:{run.state}", running)
            _, delay = next_poll(_age(run.started_at))
            again = CheckTraining(command=command, checks=checks)
            at = bus_time.of_message() + timedelta(seconds=max(delay, shortest_gap(checks)))
            await self._publisher.publish(TRAIN, again, at=at)
        elif run.succeeded:
            _, entry = self._catalog.find(command.model_type)
            ended_before = run.ended_at is not None and run.ended_at < command.created_at
            trained = command.model_copy(
                update={
                    "trained": True,
                    "attempt": command.attempt + 1,
                    "retrain": ended_before and not command.retrain,
                }
            )
            with telemetry.active.sending(entry.queue) as sending:
                await self._publisher.publish(entry.queue, trained.traced(sending.traceparent))
            await self._give_place_back(command, run)
        else:
            logger.warning(
                "operation %s: Databricks run %s: %s: %s",
                command.operation,
                run.databricks_run_id,
                run.code,
                run.message,
            )
            reason = await self._jobs.failure(run)
            await self._replies.failed(
                command, TrainingFailed(f"Databricks run {run.databricks_run_id} failed: {reason}")
            )
            await self._give_place_back(command, run)

    async def _current_run(self, command: RunModel) -> RunStatus:
        """The run that trains for this command. It is started if there is none.

        Databricks returns the first run of an idempotency token for ever, even a failed one. A run that had ended
        before this command was accepted does not serve it: the run failed, or its model is gone. The next token is
        derived from that run. All commands derive the same one, so there is still one run.
        """
        token, former = command.key, None
        for _ in range(MAX_FORMER_RUNS):
            run = await self._poller.status(await self._submit(command, token, former))
            if _serves(run, command):
                return run
            former = ended_run(command.key, run)
            token = hashlib.sha256(f"{command.key}:{run.databricks_run_id}".encode()).hexdigest()
        raise TrainingFailed(f"This model was trained {MAX_FORMER_RUNS} times and is still not there.")

    async def _submit(self, command: RunModel, token: str, former: EndedRun | None) -> int:
        """The run of this token. Only a submission that may start one needs a place. Raises TooManyTrainings."""
        _, entry = self._catalog.find(command.model_type)
        if token not in self._submissions:
            claim = partial(self._quotas.claim, command, entry, token, former)
            await self._claims.get((token, command.caller), claim)
        return await self._submissions.get(token, lambda: self._submit_in_place(command, entry, token))

    async def _submit_in_place(self, command: RunModel, entry: ModelType, token: str) -> int:
        try:
            databricks_run_id = await self._jobs.submit(run_name(command), entry, command.parameters, token)
        except TrainingRefused:
            await self._quotas.refused(token)
            raise
        await self._quotas.submitted(token, databricks_run_id, entry)
        return databricks_run_id

    async def _give_place_back(self, command: RunModel, run: RunStatus) -> None:
        """The client has its answer by now: trouble with the store is not its trouble. The place ends by itself too."""
        try:
            if (ended := ended_run(command.key, run)) is not None:
                async with asyncio.timeout(GIVE_BACK_S):
                    await self._quotas.ended(ended)
        except Unavailable as trouble:
            logger.warning("operation %s: its place is not given back: %s", command.operation, trouble.detail)
        except TimeoutError:
            logger.warning("operation %s: its place is not given back in %g s", command.operation, GIVE_BACK_S)
        except Exception:
            # A second outcome, an error, would be the first that the client sees: the prediction comes later.
            logger.exception("operation %s: its place is not given back", command.operation)


def run_name(command: RunModel) -> str:
    """The name of every run of the command's key. By it a run is known for one of its own."""
    return f"mlflow-ondemand {command.model_type} {command.key[:32]}"


def _log_cause(command: RunModel, error: OnDemandError) -> None:
    """The client reads our words; what an SDK said, which may name hosts and users, is for the log."""
    if (cause := error.__cause__) is not None:
        logger.warning("operation %s: %s: %s", command.operation, type(cause).__name__, cause)


def _serves(run: RunStatus, command: RunModel) -> bool:
    """Whether the run is running, or ended after the command was accepted."""
    if run.ended_at is None:
        return True
    tolerance = CLOCK_SKEW if run.succeeded and not command.retrain else timedelta()
    return run.ended_at + tolerance >= command.created_at


def _age(started_at: datetime | None) -> float:
    """Seconds since the start; 0 if there is none yet."""
    return (bus_time.now() - started_at).total_seconds() if started_at else 0.0
