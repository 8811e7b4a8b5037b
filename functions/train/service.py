"""One training per key, however many ask; nobody holds a message while it runs."""

import hashlib
import logging
from datetime import datetime, timedelta

from functions.backoff import LOOK_LAST_S, next_look
from functions.catalog import Catalog
from functions.contracts import CheckTraining, RunModel, StartTraining, Training, utc_now
from functions.errors import OnDemandError, TrainingFailed, Unavailable
from functions.publisher import Publisher
from functions.queues import TRAIN
from functions.replies import Replies
from functions.shared_calls import SharedCalls
from functions.train.jobs import Jobs, RunStanding

logger = logging.getLogger(__name__)

STANDING_KEPT_S = 1.5
"""Those who ask for a training at about the same time share a status call; those who wait for one share each look."""
CLOCK_SKEW = timedelta(seconds=10)
"""A run that ended well this shortly before the command was accepted counts as ended after it."""
MAX_FORMER_RUNS = 200
"""Former runs of one key that are stepped over to find the current one."""


class TrainService:
    def __init__(self, catalog: Catalog, publisher: Publisher, replies: Replies, jobs: Jobs) -> None:
        self._catalog = catalog
        self._publisher = publisher
        self._replies = replies
        self._jobs = jobs
        self._standings: SharedCalls[int, RunStanding] = SharedCalls(keep_s=STANDING_KEPT_S)
        self._looks: SharedCalls[tuple[int, int], RunStanding] = SharedCalls(keep_s=LOOK_LAST_S)
        self._submissions: SharedCalls[str, int] = SharedCalls(keep_s=3600)

    async def handle(self, message: StartTraining | CheckTraining) -> None:
        """Raises Unavailable only when the bus itself is out of reach."""
        if await self._replies.expired(message.command):
            return
        try:
            if isinstance(message, StartTraining):
                await self._start(message.command)
            else:
                await self._check(message)
        except Unavailable as trouble:
            await self._replies.retry_later(TRAIN, message, trouble)
        except OnDemandError as error:
            await self._replies.failed(message.command, error)
        except Exception as error:  # noqa: BLE001  # a fault of ours, whatever it is, is one outcome
            await self._replies.broken(message.command, error)

    async def _start(self, command: RunModel) -> None:
        run = await self._current_run(command)
        logger.info("operation %s: Databricks run %s for %s", command.operation, run.run_id, command.key[:12])
        await self._go_on(command, run, checks=0)

    async def _check(self, message: CheckTraining) -> None:
        training = message.command.training
        if training is None or training.run_id is None:
            raise TrainingFailed("The check named no Databricks run.")
        run = await self._seen(training.run_id, _age(training.started_at))
        await self._go_on(message.command, run, message.checks + 1)

    async def _go_on(self, command: RunModel, run: RunStanding, checks: int) -> None:
        """Look again later, hand over, or report the failure."""
        training = Training(run_id=run.run_id, url=run.url, state=run.state, started_at=run.started_at)
        known, command = command.training, command.model_copy(update={"training": training})
        if run.succeeded is None:
            if known is None or known.state != training.state:
                running = command.operation_document("running", status_message=f"training is {run.state}")
                await self._replies.progress(command, f"training:{run.run_id}:{run.state}", running)
            _, delay = next_look(_age(run.started_at))
            again = CheckTraining(command=command, checks=checks)
            await self._publisher.publish(TRAIN, again, at=utc_now() + timedelta(seconds=delay))
        elif run.succeeded:
            _, entry = self._catalog.find(command.model_type)
            trained = command.model_copy(update={"trained": True, "attempt": command.attempt + 1})
            await self._publisher.publish(entry.queue, trained)
        else:
            reason = await self._jobs.failure(run)
            await self._replies.failed(command, TrainingFailed(f"Databricks run {run.run_id} failed: {reason}"))

    async def _current_run(self, command: RunModel) -> RunStanding:
        """The run that trains for this command, started if there is none.

        Databricks gives the first run of an idempotency token for ever, also one that has failed. A run that was over
        before this command was accepted is not for it (it failed, or its model is gone), so the next token is derived
        from it; all who ask derive the same one, so there is still one run.
        """
        token = command.key
        for _ in range(MAX_FORMER_RUNS):
            run = await self._standing(await self._submit(command, token))
            if (
                run.ended_at is None
                or run.ended_at + (CLOCK_SKEW if run.succeeded else timedelta()) >= command.created_at
            ):
                return run
            token = hashlib.sha256(f"{command.key}:{run.run_id}".encode()).hexdigest()
        raise TrainingFailed(f"This model was trained {MAX_FORMER_RUNS} times and is still not there.")

    async def _submit(self, command: RunModel, token: str) -> int:
        _, entry = self._catalog.find(command.model_type)
        return await self._submissions.get(
            token, lambda: self._jobs.submit(command.model_type, entry, command.parameters, token)
        )

    async def _standing(self, run_id: int) -> RunStanding:
        return await self._standings.get(run_id, lambda: self._jobs.standing(run_id))

    async def _seen(self, run_id: int, age: float) -> RunStanding:
        """How it stands at a look: asked for once by all who wait for the run."""
        if age <= 0:  # it has no start yet, or their clock is ahead: there is no telling which look this is
            return await self._standing(run_id)

        async def look() -> RunStanding:
            run = await self._jobs.standing(run_id)
            self._standings.keep(run_id, run)
            return run

        number, _ = next_look(age)
        return await self._looks.get((run_id, number), look)


def _age(started_at: datetime | None) -> float:
    """Seconds since then; 0 for what is not known."""
    return (utc_now() - started_at).total_seconds() if started_at else 0.0
