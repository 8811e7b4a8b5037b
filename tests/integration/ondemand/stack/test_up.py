"""``ondemand up`` as its user sees it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

DEADLINE = 60.0
COMMAND = (sys.executable, "-m", "ondemand.cli", "up", "--free-ports")


def until_up(process: subprocess.Popen[str]) -> str:
    """Read what it says until the stack is up."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C stops everything" in line:
            return said
    raise AssertionError(said)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """``ondemand up`` with two parts, running."""
    arguments = (*COMMAND, "--only", "broker", "--only", "train", "--data", str(tmp_path / "data"))
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        until_up(process)
        yield process
        process.kill()


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=DEADLINE)
    return not alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(up: subprocess.Popen[str], number: signal.Signals) -> None:
    parts = children(up)
    assert len(parts) == 2
    up.send_signal(number)
    assert up.wait(DEADLINE) == 0
    assert all_gone(parts)


def test_a_second_signal_kills_what_does_not_end(up: subprocess.Popen[str]) -> None:
    parts = children(up)
    for part in parts:
        part.suspend()
    up.send_signal(signal.SIGINT)
    assert up.stdout is not None
    assert "stopping" in up.stdout.readline()
    up.send_signal(signal.SIGINT)
    assert up.wait(DEADLINE) == 0
    assert all_gone(parts)


def test_a_death_is_told_and_ends_the_rest(up: subprocess.Popen[str], tmp_path: Path) -> None:
    parts = children(up)
    train = next(part for part in parts if "ondemand.host" in part.cmdline())
    train.kill()
    said, _ = up.communicate(timeout=DEADLINE)
    assert up.returncode == 1
    assert "train ended with signal SIGKILL" in said
    assert "listening to train" in said
    assert str(tmp_path / "data" / "logs" / "train.log") in re.sub(r"\s", "", said)
    assert all_gone(parts)


def test_nothing_outlives_a_killed_supervisor(up: subprocess.Popen[str]) -> None:
    parts = children(up)
    up.kill()
    up.wait(DEADLINE)
    assert all_gone(parts)


def test_a_second_one_on_the_same_data_is_refused(up: subprocess.Popen[str], tmp_path: Path) -> None:
    arguments = (*COMMAND, "--only", "broker", "--data", str(tmp_path / "data"))
    second = subprocess.run(arguments, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert second.returncode == 1
    assert f"process {up.pid}" in second.stderr


def test_an_unknown_part_is_refused() -> None:
    wrong = subprocess.run((*COMMAND, "--only", "kafka"), capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert wrong.returncode == 2
    assert "kafka" in wrong.stderr


def test_a_collector_without_an_address_is_refused() -> None:
    command = (*COMMAND, "--otel", "127.0.0.1:4318")
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert wrong.returncode == 2
    assert "--otel" in wrong.stderr


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_mistake_in_the_catalog_is_told_before_anything_starts(command: str, tmp_path: Path) -> None:
    catalog = tmp_path / "models.yaml"
    catalog.write_text("models: {wine: {experiment: 1}}")
    wrong = subprocess.run(
        (sys.executable, "-m", "ondemand.cli", command),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env=os.environ | {"CATALOG_FILE": str(catalog)},
    )
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert str(catalog) in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_help_needs_nothing_heavy() -> None:
    source = "import sys, ondemand.cli; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.split()
    assert not {"mlflow", "pandas", "databricks", "azure.servicebus", "starlette"} & set(names)


@pytest.mark.parametrize("part", ["broker", "host", "databricks", "mlflow"])
def test_each_part_can_be_run_alone(part: str) -> None:
    arguments = (sys.executable, "-m", "ondemand.cli", part, "--help")
    shown = subprocess.run(
        arguments, capture_output=True, text=True, timeout=DEADLINE, check=True, env=os.environ | {"COLUMNS": "120"}
    )
    assert "--end-with-parent" in shown.stdout


def test_data_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for data in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/self")):
        wrong = subprocess.run(
            (*COMMAND, "--data", str(data)), capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert re.fullmatch(r"\S+ cannot hold the state: [\w ]+; choose another --data\n", wrong.stderr)
