"""The Jobs API of Databricks through databricks-sdk, which is imported at the first call (1.5 s, 80 MB)."""

import asyncio
import functools
import importlib
import logging
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

logger = logging.getLogger(__name__)
T = TypeVar("T")

MAX_TRACE = 8_000
"""Characters of a notebook's error and of its trace that go into an answer."""
ENVIRONMENT_KEY = "default"


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
    task_run_id: int | None


class Jobs:
    """Starts trainings and reads how they stand. Raises Unavailable if a later try may work, else TrainingRefused."""

    def __init__(self, timeout_s: int) -> None:
        self._timeout_s = timeout_s

    async def load(self) -> None:
        """Import the SDK now, without a call: a function is ready to work while Databricks is down."""
        await asyncio.to_thread(importlib.import_module, "databricks.sdk")

    async def submit(
        self, model_type: str, entry: ModelType, parameters: dict[str, ParameterValue], idempotency_token: str
    ) -> int:
        """Start the training, or find the run that this token started before; the id of the Databricks run."""
        request = functools.partial(_submit, model_type, entry, parameters, idempotency_token)
        return await self._call(request)

    async def status(self, databricks_run_id: int) -> RunStatus:
        return await self._call(lambda client: _status(client.jobs.get_run(databricks_run_id)))

    async def failure(self, run: RunStatus) -> str:
        """Error and trace of the notebook, from the task's own run."""
        if run.task_run_id is None:
            return run.message
        task_run_id = run.task_run_id
        output = await self._call(lambda client: client.jobs.get_run_output(task_run_id))
        parts = [output.error or run.message, output.error_trace or ""]
        return "\n".join(redact(part)[:MAX_TRACE] for part in parts if part)

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
            logger.warning("Databricks refused: %s: %s", type(error).__name__, error)
            raise TrainingRefused(f"Databricks refused: {str(error)[:MAX_TRACE]}") from error
        except (DatabricksError, requests.RequestException, TimeoutError, OSError) as error:
            logger.warning("Databricks: %s: %s", type(error).__name__, error)
            raise Unavailable("Databricks cannot be reached.") from error
        except ValueError as error:
            # The SDK raises it for a configuration that it cannot use (no host, no credentials, too many of them).
            logger.error("Databricks configuration: %s", error)
            raise TrainingRefused("The connection to Databricks is not configured rightly; see the log.") from error


@functools.cache
def _workspace_client(timeout_s: int) -> "WorkspaceClient":
    """The client of the process. Making one asks the workspace for its configuration, by default with long retries."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.config import Config

    return WorkspaceClient(config=Config(retry_timeout_seconds=timeout_s, http_timeout_seconds=timeout_s))


def _submit(
    model_type: str,
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
        run_name=f"mlflow-ondemand {model_type} {idempotency_token[:12]}",
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
        message=(details.message if details else None) or "The run gave no reason.",
        task_run_id=task.run_id if task else None,
    )


def _time(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
