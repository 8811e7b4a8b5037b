"""Submitting notebooks and following their runs with the real SDK."""

import time
from collections.abc import Callable

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import NotebookTask, Run, RunLifecycleStateV2State, RunOutput, SubmitTask

DEADLINE = 60.0
State = RunLifecycleStateV2State


def submit(
    client: WorkspaceClient,
    notebook: str,
    parameters: dict[str, str] | None = None,
    token: str | None = None,
    timeout_seconds: int | None = None,
) -> int:
    """Submit a notebook of ``/Test``, or of an absolute path; returns the run's id."""
    path = notebook if notebook.startswith("/") else f"/Test/{notebook}"
    task = SubmitTask("main", notebook_task=NotebookTask(path, base_parameters=parameters))
    waiter = client.jobs.submit(
        run_name=notebook, tasks=[task], idempotency_token=token, timeout_seconds=timeout_seconds
    )
    assert waiter.run_id is not None
    return int(waiter.run_id)


def wait_for(client: WorkspaceClient, run_id: int, condition: Callable[[Run], bool]) -> Run:
    deadline = time.monotonic() + DEADLINE
    while not condition(run := client.jobs.get_run(run_id)):
        assert time.monotonic() < deadline, f"still {run.status}"
        time.sleep(0.03)  # the Jobs API is polled
    return run


def state_of(run: Run) -> State:
    assert run.status is not None
    assert run.status.state is not None
    return run.status.state


def wait_until(client: WorkspaceClient, run_id: int, state: State) -> Run:
    return wait_for(client, run_id, lambda run: state_of(run) is state)


def wait_for_end(client: WorkspaceClient, run_id: int) -> Run:
    return wait_until(client, run_id, State.TERMINATED)


def task_run_id(run: Run) -> int:
    assert run.tasks is not None
    (task,) = run.tasks
    assert task.run_id is not None
    return task.run_id


def output_of(client: WorkspaceClient, run_id: int) -> RunOutput:
    """The output of the run's task, once it has ended."""
    return client.jobs.get_run_output(task_run_id(wait_for_end(client, run_id)))


def result_of(client: WorkspaceClient, run_id: int) -> str:
    output = output_of(client, run_id)
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    assert output.notebook_output.result is not None
    return output.notebook_output.result
