"""A one-time run of one notebook task, as the server keeps it."""

from dataclasses import field
from enum import StrEnum
from typing import Any

from pydantic.dataclasses import dataclass


class State(StrEnum):
    """``status.state`` of the Jobs API."""

    QUEUED = "QUEUED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class Code(StrEnum):
    """``status.termination_details.code`` of the Jobs API: why a run ended."""

    SUCCESS = "SUCCESS"
    RUN_EXECUTION_ERROR = "RUN_EXECUTION_ERROR"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    USER_CANCELED = "USER_CANCELED"
    CANCELED = "CANCELED"
    DRIVER_ERROR = "DRIVER_ERROR"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True)
class Ending:
    """Why a run ended, with a message for people."""

    code: Code
    message: str = ""


@dataclass(frozen=True)
class Run:
    """A run without its output. Times are milliseconds since the epoch, 0 until the event."""

    job_id: int
    run_id: int
    task_run_id: int
    name: str
    task_key: str
    notebook_path: str
    parameters: dict[str, str]
    submitted_at: int
    idempotency_token: str | None = None
    timeout_seconds: int = 0
    # The cluster, or serverless environment, that was asked for: reported, and otherwise without effect here.
    compute: dict[str, Any] = field(default_factory=dict)
    state: State = State.QUEUED
    started_at: int = 0
    executing_at: int = 0
    ended_at: int = 0
    ending: Ending | None = None

    @property
    def active(self) -> bool:
        return self.state is not State.TERMINATED
