"""Queueing, cancelling, time limits, and what is left when the server ends."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import QueueDetailsCodeCode, RunLifeCycleState, RunResultState, TerminationCodeCode

from tests.integration.ondemand.databricks.conftest import workspace
from tests.integration.ondemand.databricks.runs import (
    DEADLINE,
    State,
    output_of,
    result_of,
    state_of,
    submit,
    wait_for_end,
    wait_until,
)
from tests.integration.ondemand.parts_databricks import Part, connect, started


def wait_for_condition(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.03)  # processes and files tell nobody


def wait_for_text(file: Path) -> str:
    wait_for_condition(lambda: file.exists() and bool(file.read_text()), f"{file} was not written")
    return file.read_text()


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=DEADLINE)
    assert not alive


def running(
    client: WorkspaceClient, file: Path, notebook: str = "wait", timeout_seconds: int | None = None
) -> tuple[int, list[int]]:
    """Submit a notebook that writes process ids once it runs; returns the run's id and theirs."""
    run_id = submit(client, notebook, {"running": str(file), "go_on": f"{file}.go"}, timeout_seconds=timeout_seconds)
    return run_id, [int(pid) for pid in wait_for_text(file).split()]


def test_runs_over_the_limit_are_queued(client: WorkspaceClient, tmp_path: Path) -> None:
    first, second = (running(client, tmp_path / name)[0] for name in ("first", "second"))
    third = submit(client, "echo")
    run = client.jobs.get_run(third)
    assert run.status is not None
    assert run.status.state is State.QUEUED
    assert run.status.queue_details is not None
    assert run.status.queue_details.code is QueueDetailsCodeCode.MAX_CONCURRENT_RUNS_REACHED
    assert state_of(client.jobs.get_run(first)) is State.RUNNING
    assert third in [active.run_id for active in client.jobs.list_runs(active_only=True)]
    (tmp_path / "first.go").touch()
    assert result_of(client, first) == "went on"
    result_of(client, third)
    assert state_of(client.jobs.get_run(second)) is State.RUNNING
    (tmp_path / "second.go").touch()
    assert result_of(client, second) == "went on"


def test_a_queued_run_is_cancelled_without_being_run(client: WorkspaceClient, tmp_path: Path) -> None:
    busy = [running(client, tmp_path / name)[0] for name in ("first", "second")]
    never = tmp_path / "never"
    run_id = submit(client, "wait", {"running": str(never)})
    client.jobs.cancel_run(run_id)
    wait_for_end(client, run_id)
    for blocking in busy:
        client.jobs.cancel_run(blocking)
        wait_for_end(client, blocking)
    result_of(client, submit(client, "echo"))
    assert not never.exists()


def test_a_running_run_is_cancelled(client: WorkspaceClient, tmp_path: Path) -> None:
    run_id, pids = running(client, tmp_path / "running")
    processes = [psutil.Process(pid) for pid in pids]
    client.jobs.cancel_run(run_id)
    run = wait_for_end(client, run_id)
    assert run.state is not None
    assert run.state.life_cycle_state is RunLifeCycleState.TERMINATED
    assert run.state.result_state is RunResultState.CANCELED
    assert run.status is not None
    assert run.status.termination_details is not None
    assert run.status.termination_details.code is TerminationCodeCode.USER_CANCELED
    assert output_of(client, run_id).error == "Run cancelled."
    wait_until_gone(processes)
    client.jobs.cancel_run(run_id)  # again: without effect


def test_a_notebook_that_ignores_the_interrupt_is_killed_with_what_it_started(
    client: WorkspaceClient, tmp_path: Path
) -> None:
    run_id, pids = running(client, tmp_path / "running", "stubborn")
    processes = [psutil.Process(pid) for pid in pids]
    assert len(processes) == 2
    client.jobs.cancel_run(run_id)
    assert state_of(wait_until(client, run_id, State.TERMINATING)) is State.TERMINATING
    wait_for_end(client, run_id)
    wait_until_gone(processes)


def test_a_run_over_its_time_limit_is_stopped(client: WorkspaceClient, tmp_path: Path) -> None:
    run_id, pids = running(client, tmp_path / "running", timeout_seconds=1)
    run = wait_for_end(client, run_id)
    assert run.state is not None
    assert run.state.result_state is RunResultState.TIMEDOUT
    assert "timed out after 1 seconds" in (output_of(client, run_id).error or "")
    assert not any(psutil.pid_exists(pid) for pid in pids)


def jobs_api(data: Path) -> tuple[str, ...]:
    return ("ondemand.databricks", "--data", str(data), "--max-concurrent-runs", "1", *workspace())


def end_cleanly(part: Part) -> None:
    assert part.end() == 0


def end_by_interrupt(part: Part) -> None:
    part.process.send_signal(signal.SIGINT)
    assert part.process.wait(DEADLINE) == 0


def end_by_kill(part: Part) -> None:
    part.process.kill()
    assert part.process.wait(DEADLINE) == -signal.SIGKILL


def end_by_closing_standard_input(part: Part) -> None:
    assert part.process.stdin is not None
    part.process.stdin.close()
    assert part.process.wait(DEADLINE) == 0


@pytest.mark.parametrize(
    ("end", "start"),
    [
        (end_cleanly, "--preload"),
        (end_by_kill, "--preload"),
        (end_by_kill, "--no-preload"),
        (end_by_interrupt, "--no-preload"),
        (end_by_closing_standard_input, "--no-preload"),
    ],
)
def test_no_process_outlives_the_server_and_runs_survive_it(
    end: Callable[[Part], None], start: str, tmp_path: Path
) -> None:
    data, go_on = tmp_path / "data", tmp_path / "queued.go"
    with started(*jobs_api(data), start) as part:
        client = connect(part.url)
        done = submit(client, "echo", {"first": "kept"}, token="kept")
        kept = result_of(client, done)
        lost, _ = running(client, tmp_path / "lost", "stubborn")
        queued = submit(client, "wait", {"running": str(tmp_path / "queued"), "go_on": str(go_on)})
        processes = psutil.Process(part.process.pid).children(recursive=True)
        assert processes
        end(part)
        wait_until_gone(processes)
    go_on.touch()
    with started(*jobs_api(data), "--no-preload") as part:
        client = connect(part.url)
        assert result_of(client, done) == kept
        assert submit(client, "echo", token="kept") == done
        run = wait_for_end(client, lost)
        assert run.state is not None
        assert run.state.life_cycle_state is RunLifeCycleState.INTERNAL_ERROR
        assert "server ended while this run was running" in (output_of(client, lost).error or "")
        assert result_of(client, queued) == "went on"


def test_a_port_that_is_taken_is_an_error(server: Part, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    with pytest.raises(AssertionError, match="ended with 2"), started(*jobs_api(tmp_path), "--port", port):
        pass
