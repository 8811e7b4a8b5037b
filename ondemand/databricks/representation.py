"""A run as the JSON of the Jobs API 2.2, with ``status`` and the deprecated ``state``."""

from typing import Any, NamedTuple

from ondemand.databricks.notebook.child import Report
from ondemand.databricks.run import Code, Ending, Run, State

Json = dict[str, Any]


class _Meaning(NamedTuple):
    """The deprecated ``state`` of a run that ended, and of its task, by the reason."""

    result_state: str
    life_cycle: str
    task_life_cycle: str
    type: str


# A failed task leaves the job's run in INTERNAL_ERROR, while the task itself is TERMINATED.
_MEANINGS = {
    Code.SUCCESS: _Meaning("SUCCESS", "TERMINATED", "TERMINATED", "SUCCESS"),
    Code.RUN_EXECUTION_ERROR: _Meaning("FAILED", "INTERNAL_ERROR", "TERMINATED", "CLIENT_ERROR"),
    Code.RESOURCE_NOT_FOUND: _Meaning("FAILED", "INTERNAL_ERROR", "INTERNAL_ERROR", "CLIENT_ERROR"),
    Code.USER_CANCELED: _Meaning("CANCELED", "TERMINATED", "TERMINATED", "CLIENT_ERROR"),
    Code.CANCELED: _Meaning("TIMEDOUT", "TERMINATED", "TERMINATED", "CLIENT_ERROR"),
    Code.DRIVER_ERROR: _Meaning("FAILED", "INTERNAL_ERROR", "INTERNAL_ERROR", "INTERNAL_ERROR"),
    Code.INTERNAL_ERROR: _Meaning("FAILED", "INTERNAL_ERROR", "INTERNAL_ERROR", "INTERNAL_ERROR"),
}
_QUEUED = "Queued due to reaching the maximum number of concurrent runs."


def represent_run(run: Run, base_url: str, tasks: bool = True) -> Json:
    """The job's run, with its task unless ``tasks`` is false."""
    return {
        "job_id": run.job_id,
        "run_id": run.run_id,
        "job_run_id": run.run_id,
        "number_in_job": run.run_id,
        "original_attempt_run_id": run.run_id,
        "run_name": run.name,
        "run_type": "SUBMIT_RUN",
        "run_page_url": f"{base_url}/jobs/{run.job_id}/runs/{run.run_id}",
        "format": "MULTI_TASK",
        "trigger": "ONE_TIME",
        **_timing(run),
        "run_duration": _since(run.submitted_at, run.ended_at),
        **_states(run, _job_message(run), of_task=False),
        **({"tasks": [_represent_task(run, base_url)]} if tasks else {}),
    }


def represent_task_run(run: Run, base_url: str) -> Json:
    """The run of the one task, which has an id of its own."""
    return {
        **_represent_task(run, base_url),
        "job_id": run.job_id,
        "job_run_id": run.run_id,
        "run_name": run.name,
        "run_type": "SUBMIT_RUN",
        "number_in_job": run.task_run_id,
        "original_attempt_run_id": run.task_run_id,
    }


def represent_output(run: Run, report: Report | None, base_url: str) -> Json:
    """The answer of ``get-output`` for the task's run."""
    output: Json = {"metadata": represent_task_run(run, base_url), "notebook_output": {}}
    if run.ending is None:
        return output
    if run.ending.code is Code.SUCCESS and report:
        output["notebook_output"] = {"result": report.result or "", "truncated": report.truncated}
    elif run.ending.code is Code.RUN_EXECUTION_ERROR and report:
        output |= {"error": report.error, "error_trace": report.error_trace or ""}
    else:
        output["error"] = run.ending.message
    return output


def _represent_task(run: Run, base_url: str) -> Json:
    return {
        "run_id": run.task_run_id,
        "task_key": run.task_key,
        "notebook_task": {
            "notebook_path": run.notebook_path,
            "base_parameters": run.parameters,
            "source": "WORKSPACE",
        },
        "run_page_url": f"{base_url}/jobs/{run.job_id}/runs/{run.task_run_id}",
        "attempt_number": 0,
        "timeout_seconds": run.timeout_seconds,
        **run.compute,
        **_timing(run),
        **_states(run, run.ending.message if run.ending else "", of_task=True),
    }


def _timing(run: Run) -> Json:
    return {
        "start_time": run.submitted_at,
        "queue_duration": _since(run.submitted_at, run.started_at),
        "setup_duration": _since(run.started_at, run.executing_at),
        "execution_duration": _since(run.executing_at, run.ended_at),
        "cleanup_duration": 0,
        "end_time": run.ended_at,
    }


def _since(start: int, end: int) -> int:
    return max(0, end - start) if start and end else 0


def _job_message(run: Run) -> str:
    if run.ending is None or not run.ending.message or _MEANINGS[run.ending.code].result_state != "FAILED":
        return run.ending.message if run.ending else ""
    return (
        f"Task {run.task_key} failed with message: {run.ending.message}. "
        "This caused all downstream tasks to get skipped."
    )


def _states(run: Run, message: str, of_task: bool) -> Json:
    if run.ending is not None:
        return _ended(run.ending, message, of_task)
    if run.state is State.QUEUED:
        details = {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": _QUEUED}
        return {
            "status": {"state": "QUEUED", "queue_details": details},
            "state": {"life_cycle_state": "QUEUED", "queue_reason": _QUEUED, "user_cancelled_or_timedout": False},
        }
    return {
        "status": {"state": run.state},
        "state": {"life_cycle_state": run.state, "state_message": "", "user_cancelled_or_timedout": False},
    }


def _ended(ending: Ending, message: str, of_task: bool) -> Json:
    meaning = _MEANINGS[ending.code]
    return {
        "status": {
            "state": "TERMINATED",
            "termination_details": {"code": ending.code, "type": meaning.type, "message": message},
        },
        "state": {
            "life_cycle_state": meaning.task_life_cycle if of_task else meaning.life_cycle,
            "result_state": meaning.result_state,
            "state_message": message,
            "user_cancelled_or_timedout": ending.code in {Code.USER_CANCELED, Code.CANCELED},
        },
    }
