"""The Jobs API of Databricks through databricks-sdk, which is imported at the first call (1.5 s, 80 MB)."""

import asyncio
import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from functions.catalog import ExistingCluster, ModelType, NewCluster
from functions.errors import TrainingRefused, Unavailable
from functions.logs import redact
from functions.parameters import ParameterValue, canonical_text

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service import jobs

T = TypeVar("T")

MAX_TRACE = 8_000
"""Characters of a notebook's error and of its trace that go into an answer."""
ENVIRONMENT_KEY = "default"
REFUSED = {
    "Unauthenticated": "it does not accept the credentials of this service",
    "PermissionDenied": "this service lacks a permission there",
    "NotFound": "something that the training needs, or its run, does not exist there",
    "ResourceDoesNotExist": "something that the training needs, or its run, does not exist there",
    "NotImplemented": "the workspace lacks a feature that the training needs",
}
"""What errors of the SDK mean. Their texts name hosts, users and paths, so only the log has them."""
ENDINGS = {
    "CANCELED": "it was cancelled, or took longer than training_timeout_s",
    "USER_CANCELED": "somebody cancelled it",
    "SKIPPED": "it was skipped",
    "CLUSTER_ERROR": "its cluster failed",
    "DRIVER_ERROR": "the process of the notebook ended",
    "INVALID_CLUSTER_REQUEST": "the cluster that the catalog describes cannot be made",
    "INVALID_RUN_CONFIGURATION": "the run that the catalog describes cannot be made",
    "LIBRARY_INSTALLATION_ERROR": "a library could not be installed",
    "RESOURCE_NOT_FOUND": "the notebook, or another thing that the catalog names, does not exist",
    "UNAUTHORIZED_ERROR": "it lacks a permission",
    "WORKSPACE_RUN_LIMIT_EXCEEDED": "the workspace runs as many jobs as it may",
}
"""What termination codes of runs mean."""


@dataclass(frozen=True)
class RunStatus:
    """How a Databricks run stands. ``succeeded`` is None until the run has ended."""

    databricks_run_id: int
    state: str
    url: str | None
    started_at: datetime | None
    ended_at: datetime | None
    succeeded: bool | None
    message: str
    """What Databricks says of the end, for the log."""
    task_run_id: int | None
    name: str = ""
    code: str = ""
    """The termination code."""


class Jobs:
    """Starts trainings and reads how they stand. Raises Unavailable if a later try may work, else TrainingRefused."""

    def __init__(self, timeout_s: int) -> None:
        self._timeout_s = timeout_s

    async def load(self) -> None:
        """Import the SDK now, without a call: a function is ready to work while Databricks is down."""
        await asyncio.to_thread(importlib.import_module, "databricks.sdk")

    async def submit(
        self, name: str, entry: ModelType, parameters: dict[str, ParameterValue], idempotency_token: str
    ) -> int:
        """Start the training, or find the run that this token started before; the id of the Databricks run."""
        request = functools.partial(_submit, name, entry, parameters, idempotency_token)
        return await self._call(request)

    async def status(self, databricks_run_id: int) -> RunStatus:
        return await self._call(lambda client: _status(client.jobs.get_run(databricks_run_id)))

    async def failure(self, run: RunStatus) -> str:
        """Error and trace of the notebook, from the task's own run; our own words where the notebook did not run."""
        if (task_run_id := run.task_run_id) is not None:
            output = await self._call(lambda client: client.jobs.get_run_output(task_run_id))
            if output.error_trace or run.code == "RUN_EXECUTION_ERROR":
                parts = [output.error or "", output.error_trace or ""]
                if text := "\n".join(redact(part)[:MAX_TRACE] for part in parts if part):
                    return text
        reason = ENDINGS.get(run.code, "the service's log has what Databricks says of it")
        return f"{run.code or 'no reason given'}: {reason}."

    async def _call(self, request: "Callable[[WorkspaceClient], T]") -> T:
        return await asyncio.to_thread(self._call_in_thread, request)

    def _call_in_thread(self, request: "Callable[[WorkspaceClient], T]") -> T:
        import requests
        from databricks.sdk import errors
        from databricks.sdk.errors.base import DatabricksError

        permanent = (
            errors.InvalidParameterValue,
            errors.BadRequest,
            errors.NotFound,
            errors.PermissionDenied,
            errors.Unauthenticated,
            errors.NotImplemented,
            errors.AlreadyExists,
        )
        try:
            return request(_workspace_client(self._timeout_s))
        except permanent as error:
            reason = REFUSED.get(type(error).__name__, "it does not accept the training as the catalog describes it")
            raise TrainingRefused(f"Databricks refused: {reason}. The service's log has its answer.") from error
        except (DatabricksError, requests.RequestException, TimeoutError, OSError) as error:
            raise Unavailable("Databricks cannot be reached.") from error
        except ValueError as error:
            # The SDK raises it for a configuration that it cannot use (no host, no credentials, too many of them).
            raise TrainingRefused("The connection to Databricks is not configured rightly; see the log.") from error


@functools.cache
def _workspace_client(timeout_s: int) -> "WorkspaceClient":
    """The client of the process. Making one asks the workspace for its configuration, by default with long retries."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.config import Config

    return WorkspaceClient(config=Config(retry_timeout_seconds=timeout_s, http_timeout_seconds=timeout_s))


def _submit(
    name: str,
    entry: ModelType,
    parameters: dict[str, ParameterValue],
    idempotency_token: str,
    client: "WorkspaceClient",
) -> int:
    from databricks.sdk.service import jobs

    widgets = {name: canonical_text(value) for name, value in parameters.items()}
    widgets |= {"experiment": entry.experiment, "artifact_name": entry.artifact_name}
    task = jobs.SubmitTask(
        task_key="train",
        notebook_task=jobs.NotebookTask(
            notebook_path=entry.notebook, base_parameters=widgets, source=jobs.Source.WORKSPACE
        ),
    )
    environments: list[jobs.JobEnvironment] | None = None
    match entry.cluster:
        case ExistingCluster(existing_cluster_id=cluster_id):
            task.existing_cluster_id = cluster_id
        case NewCluster(new_cluster=cluster):
            from databricks.sdk.service.compute import ClusterSpec

            task.new_cluster = ClusterSpec.from_dict(cluster)
        case serverless:
            task.environment_key = ENVIRONMENT_KEY
            environments = [_environment(serverless.dependencies)]
    submitted = client.jobs.submit(
        run_name=name,
        tasks=[task],
        environments=environments,
        idempotency_token=idempotency_token,
        timeout_seconds=entry.training_timeout_s,
    )
    return int(submitted.run_id)


def _environment(dependencies: tuple[str, ...]) -> "jobs.JobEnvironment":
    from databricks.sdk.service import compute, jobs

    spec = compute.Environment(environment_version="4", dependencies=list(dependencies))
    return jobs.JobEnvironment(environment_key=ENVIRONMENT_KEY, spec=spec)


def _status(run: "jobs.Run") -> RunStatus:
    from databricks.sdk.service import jobs

    status = run.status
    details = status.termination_details if status else None
    ended = status is not None and status.state is jobs.RunLifecycleStateV2State.TERMINATED
    task = run.tasks[0] if run.tasks else None
    return RunStatus(
        databricks_run_id=int(run.run_id or 0),
        state=status.state.value if status and status.state else "PENDING",
        url=run.run_page_url,
        started_at=_time(run.start_time),
        ended_at=_time(run.end_time),
        succeeded=(details is not None and details.code is jobs.TerminationCodeCode.SUCCESS) if ended else None,
        message=(details.message if details else None) or "",
        task_run_id=task.run_id if task else None,
        name=run.run_name or "",
        code=details.code.value if details and details.code else "",
    )


def _time(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
