"""Validates the body of ``runs/submit``."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictStr, ValidationError, model_validator

from ondemand.databricks.errors import ApiError, invalid_parameter

MAX_PARAMETERS = 1024 * 1024
MAX_NAME = 4096


class NotebookTask(BaseModel):
    notebook_path: Annotated[str, Field(pattern=r"^/", max_length=4096)]
    base_parameters: dict[str, StrictStr] = {}
    source: Literal["WORKSPACE"] = "WORKSPACE"

    @model_validator(mode="after")
    def _bound_parameters(self) -> "NotebookTask":
        if len(self.model_dump_json(include={"base_parameters"})) > MAX_PARAMETERS:
            raise ValueError("base_parameters cannot exceed 1 MB as JSON")
        return self


class Task(BaseModel):
    task_key: Annotated[str, Field(pattern=r"^[\w-]{1,100}$")]
    notebook_task: NotebookTask
    existing_cluster_id: str | None = None
    new_cluster: dict[str, Any] | None = None
    environment_key: str | None = None
    libraries: list[dict[str, Any]] | None = None
    timeout_seconds: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _one_compute(self) -> "Task":
        if len(self.compute.keys() - {"libraries"}) > 1:
            raise ValueError("give one of existing_cluster_id, new_cluster and environment_key")
        return self

    @property
    def compute(self) -> dict[str, Any]:
        """The cluster that the task asks for; empty for serverless."""
        fields = {"existing_cluster_id", "new_cluster", "environment_key", "libraries"}
        return self.model_dump(include=fields, exclude_none=True)


class Environment(BaseModel):
    environment_key: str


class Submission(BaseModel):
    """One-time run of one notebook task. Fields that only matter on Databricks are accepted and ignored."""

    tasks: Annotated[list[Task], Field(min_length=1, max_length=1)]
    run_name: Annotated[str, Field(max_length=MAX_NAME)] = "Untitled"
    idempotency_token: Annotated[str, Field(max_length=64)] | None = None
    timeout_seconds: Annotated[int, Field(ge=0)] = 0
    environments: list[Environment] = []
    git_source: None = None

    @model_validator(mode="after")
    def _known_environment(self) -> "Submission":
        wanted = self.task.environment_key
        if wanted is not None and wanted not in {known.environment_key for known in self.environments}:
            raise ValueError(f"environment_key {wanted!r} is not among the environments")
        return self

    @property
    def task(self) -> Task:
        return self.tasks[0]

    @property
    def effective_timeout(self) -> int:
        """Seconds: the shorter of the run's and the task's; 0 means none."""
        return min((limit for limit in (self.timeout_seconds, self.task.timeout_seconds) if limit), default=0)


def parse_submission(body: bytes) -> Submission:
    """Validate a body; raises ``ApiError`` that names every wrong field."""
    try:
        return Submission.model_validate_json(body)
    except ValidationError as error:
        raise _explain(error) from error


def _explain(error: ValidationError) -> ApiError:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        return ApiError(400, "MALFORMED_REQUEST", f"Could not parse request object: {problems[0]['msg']}")
    return invalid_parameter("; ".join(f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['msg']}" for p in problems))
