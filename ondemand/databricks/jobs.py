"""Accepts runs, executes a bounded number at a time, and knows the status of each."""

import asyncio
import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ondemand.databricks.errors import ApiError
from ondemand.databricks.notebook.child import Assignment
from ondemand.databricks.output import RunFiles
from ondemand.databricks.process import Launcher, NotebookProcess
from ondemand.databricks.run import Code, Ending, Run, State
from ondemand.databricks.settings import Settings
from ondemand.databricks.store import RunStore
from ondemand.databricks.submission import Submission
from ondemand.databricks.workspace import NotebookNotFound

MAX_WAITING = 1000
MAX_KEPT = 1000
LOST = "The local Databricks server ended while this run was running"
WORKLOAD_FAILED = "Workload failed, see run output for details"
logger = logging.getLogger(__name__)


class Jobs:
    """The runs of one server. Used from the event loop only."""

    def __init__(self, store: RunStore, files: RunFiles, launcher: Launcher, settings: Settings) -> None:
        self._store = store
        self._files = files
        self._launcher = launcher
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.max_concurrent_runs)
        self._threads = ThreadPoolExecutor(settings.max_concurrent_runs, thread_name_prefix="notebook")
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._closing = False

    def recover(self) -> None:
        """Queue the runs again that had not started when the server ended; mark those that had as lost."""
        for run in self._store.active():
            if run.state is State.QUEUED:
                self._schedule(run)
            else:
                self._end(run, Ending(Code.INTERNAL_ERROR, LOST))

    def submit(self, submission: Submission) -> Run:
        """A new run, or the existing one of the idempotency token."""
        token = submission.idempotency_token
        if token and (known := self._store.find_by_token(token)):
            return known
        if len(self._tasks) >= MAX_WAITING:
            raise ApiError(429, "REQUEST_LIMIT_EXCEEDED", f"{MAX_WAITING} runs are waiting or running already")
        run = _new_run(submission)
        self._files.create(run.run_id)
        self._store.add(run)
        self._schedule(run)
        return run

    def cancel(self, run: Run) -> None:
        """Cancel a run; it ends a little later. A run that has ended stays as it is."""
        task = self._tasks.get(run.run_id)
        if task and not task.cancelling():
            task.cancel()

    async def close(self) -> None:
        """Stop every notebook. The next ``recover`` marks the running ones as lost."""
        self._closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown()

    def _schedule(self, run: Run) -> None:
        task = asyncio.create_task(self._carry_out(run))
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.run_id, None))

    async def _carry_out(self, run: Run) -> None:
        try:
            async with self._slots:
                ending = await self._execute(run)
        except asyncio.CancelledError:
            if self._closing:
                raise
            ending = Ending(Code.USER_CANCELED, "Run cancelled.")
        self._end(self._current(run), ending)

    async def _execute(self, run: Run) -> Ending:
        self._change(run, state=State.PENDING, started_at=_now())
        try:
            self._settings.workspace.find(run.notebook_path)
        except NotebookNotFound as error:
            return Ending(Code.RESOURCE_NOT_FOUND, str(error))
        process = NotebookProcess(self._launcher, self._assignment(run), self._files.printed_file(run.run_id))
        loop = asyncio.get_running_loop()

        def started() -> None:
            loop.call_soon_threadsafe(self._mark_running, run)

        working = loop.run_in_executor(self._threads, process.run, started)
        try:
            async with asyncio.timeout(run.timeout_seconds or None):
                return self._judge(run, await asyncio.shield(working))
        except TimeoutError:
            await self._stop(run, process, working)
            return Ending(Code.CANCELED, f"Run timed out after {run.timeout_seconds} seconds.")
        except asyncio.CancelledError:
            await self._stop(run, process, working)
            raise

    async def _stop(self, run: Run, process: NotebookProcess, working: asyncio.Future[int]) -> None:
        if not self._closing:
            self._change(run, state=State.TERMINATING)
        process.stop()
        await asyncio.shield(working)

    def _judge(self, run: Run, exit_code: int) -> Ending:
        report = self._files.report(run.run_id)
        if report is None:
            return Ending(Code.DRIVER_ERROR, f"The notebook's process ended unexpectedly, with exit code {exit_code}")
        return Ending(Code.SUCCESS) if report.error is None else Ending(Code.RUN_EXECUTION_ERROR, WORKLOAD_FAILED)

    def _assignment(self, run: Run) -> Assignment:
        return Assignment(
            notebook_path=run.notebook_path,
            parameters=run.parameters,
            workspace=self._settings.workspace,
            dbfs=self._settings.dbfs,
            report=self._files.report_file(run.run_id).resolve(),
        )

    def _mark_running(self, run: Run) -> None:
        if self._current(run).state is State.PENDING:
            self._change(run, state=State.RUNNING, executing_at=_now())

    def _end(self, run: Run, ending: Ending) -> None:
        self._store.update(replace(run, state=State.TERMINATED, ended_at=_now(), ending=ending))
        logger.info("run %d of %s ended: %s %s", run.run_id, run.notebook_path, ending.code, ending.message)
        for forgotten in self._store.forget_oldest(MAX_KEPT):
            self._files.delete(forgotten.run_id)

    def _change(self, run: Run, *, state: State, started_at: int = 0, executing_at: int = 0) -> None:
        current = self._current(run)
        self._store.update(
            replace(
                current,
                state=state,
                started_at=started_at or current.started_at,
                executing_at=executing_at or current.executing_at,
            )
        )

    def _current(self, run: Run) -> Run:
        return self._store.find(run.run_id) or run


def _new_run(submission: Submission) -> Run:
    task = submission.task
    return Run(
        job_id=_new_id(),
        run_id=_new_id(),
        task_run_id=_new_id(),
        name=submission.run_name,
        task_key=task.task_key,
        notebook_path=task.notebook_task.notebook_path,
        parameters=task.notebook_task.base_parameters,
        submitted_at=_now(),
        idempotency_token=submission.idempotency_token or None,
        timeout_seconds=submission.effective_timeout,
        compute=task.compute,
    )


def _new_id() -> int:
    """A new id, as large as those of Databricks, which do not fit into 32 bits."""
    return 10**14 + secrets.randbelow(9 * 10**14)


def _now() -> int:
    return time.time_ns() // 1_000_000
