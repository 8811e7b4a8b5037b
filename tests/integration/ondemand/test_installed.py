"""What ``pip install . ./broker`` gives somebody who has no checkout: fresh environments, in a folder with a space."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")
DEADLINE = 120.0
ENVIRON = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
OURS = ("functions", "function_app", "local", "tests", "benchmarks", "hatch_build", "ondemand", "servicebus_broker")
IMPORTABLE = f"from importlib.util import find_spec; print(*(name for name in {OURS} if find_spec(name)))"

pytestmark = pytest.mark.timeout(900)  # the first time, the packages are downloaded


def install(folder: Path, extra: str = "") -> Path:
    """Make an environment with both distributions, the rest in the tested versions; its folder of commands."""
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True, env=ENVIRON)
    constraints = ROOT / "requirements/dev.txt"
    # No sources: the broker is installed as a stranger would, not as an editable part of this checkout.
    options = ("--quiet", "--no-sources", "--python", folder, "--constraints", constraints)
    subprocess.run([UV, "pip", "install", *options, f"{ROOT}{extra}", ROOT / "broker"], check=True, env=ENVIRON)
    return folder / "bin"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment without an extra."""
    return install(tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the stack."""
    return install(tmp_path_factory.mktemp("installed") / "an environment", "[local]")


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=ENVIRON, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def test_only_the_command_and_the_broker_can_be_imported(bare: Path, tmp_path: Path) -> None:
    assert run(tmp_path, bare / "python", "-c", IMPORTABLE).stdout.split() == ["ondemand", "servicebus_broker"]


def test_command_without_the_stack_names_the_extra(bare: Path, tmp_path: Path) -> None:
    assert run(tmp_path, bare / "ondemand", "--help").returncode == 0
    assert run(tmp_path, bare / "ondemand", "init").returncode == 0
    for command in ("up", "demo", "host", "databricks", "mlflow", "queues"):
        done = run(tmp_path, bare / "ondemand", command)
        assert (done.returncode, done.stdout) == (1, "")
        needed = re.escape("pip install ./broker '.[local]', in a checkout")
        assert re.fullmatch(rf"not installed: .*; the stack needs {needed}\n", done.stderr)


@pytest.fixture
def project(commands: Path, tmp_path: Path) -> Path:
    """A folder that ``ondemand init`` filled."""
    done = run(tmp_path, commands / "ondemand", "init", "my models")
    assert done.returncode == 0, done.stderr
    assert re.search(r"cd 'my models' && ('/.*/an environment/bin/ondemand'|ondemand) up", done.stdout), done.stdout
    assert "__pycache__" not in done.stdout  # pip compiles the template of an installed command
    return tmp_path / "my models"


@pytest.fixture
def url(commands: Path, project: Path) -> Iterator[str]:
    """The API of ``ondemand up`` in that folder."""
    with subprocess.Popen(
        [commands / "ondemand", "up", "--free-ports"], cwd=project, env=ENVIRON, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C stops everything" in line:
                break
        found = re.search(r"API +(http://\S+)/predict", said)
        assert found, said
        assert "-d @request.json" in said
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0


def test_new_project_trains_and_answers(url: str, project: Path) -> None:
    request = json.loads((project / "request.json").read_text())
    response = httpx.post(f"{url}/predict", json=request, headers={"Prefer": "wait=60"}, timeout=DEADLINE)
    operation = response.json()
    assert (response.status_code, operation["result"]) == (200, ["versicolor"]), operation
    assert operation["training"]["state"] == "TERMINATED"
