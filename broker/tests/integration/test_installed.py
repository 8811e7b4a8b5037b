"""The distribution as other projects install it: a wheel in a fresh environment, away from the checkout."""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.readme import COMMANDS, DISTRIBUTION, REQUIREMENTS, TEXT, example

DEADLINE = 240
OF_OTHER_PROJECTS = {"azure-functions", "azure-servicebus", "mlflow", "mlflow-ondemand", "msal", "obstore", "pytest"}
CONFIG = '{"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [{"Name": "orders"}]}]}}'
# A run that uses no fixture imports nothing of the distribution but the plugin.
TEST_OF_ANOTHER_PROJECT = """
import sys

def test_plugin_is_all_that_is_imported():
    ours = {name for name in sys.modules if name.startswith("servicebus_broker")}
    assert ours == {"servicebus_broker", "servicebus_broker.pytest_plugin"}
"""
USES_A_FIXTURE = """
def test_fixture(servicebus):
    pass
"""


class Environment:
    """A virtual environment, and commands that run in it without this checkout on their path."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self._scripts = folder / "bin"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}

    def start(self, *command: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
        """Start a command of the environment; ``variables`` are environment variables."""
        program = str(self._scripts / command[0])
        pipe = subprocess.PIPE
        environ = self._environ | variables
        return subprocess.Popen(
            [program, *command[1:]], cwd=cwd, env=environ, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *command: str, cwd: Path, status: int = 0, **variables: str) -> str:
        """What a command prints; it has to end with the status."""
        with self.start(*command, cwd=cwd, **variables) as process:
            try:
                printed, _ = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
        assert process.returncode == status, printed
        return printed

    def install(self, *requirements: str, cwd: Path) -> None:
        """Install from the index that pip is configured with."""
        self.run("pip", "install", "--quiet", "--disable-pip-version-check", *requirements, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=DISTRIBUTION, check=True, capture_output=True, timeout=DEADLINE)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The distribution and what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    environment = Environment(folder / "venv")
    environment.install(str(wheel), cwd=folder)
    return environment


@pytest.fixture(scope="module")
def with_pytest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The distribution and its extra for pytest."""
    folder = tmp_path_factory.mktemp("with-pytest")
    environment = Environment(folder / "venv")
    environment.install(f"{wheel}[pytest]", cwd=folder)
    return environment


@contextmanager
def serving(environment: Environment, *command: str, cwd: Path) -> Iterator[dict[str, str]]:
    """A broker, stopped as a supervisor would at the end; gives the addresses of its ready line."""
    with environment.start(*command, cwd=cwd) as process:
        try:
            assert process.stdout is not None
            word, _, addresses = process.stdout.readline().partition(" ")
            assert word == "ready"
            yield json.loads(addresses)
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


def test_install_brings_nothing_of_other_projects(installed: Environment, tmp_path: Path) -> None:
    names = {each["name"].lower() for each in json.loads(installed.run("pip", "list", "--format=json", cwd=tmp_path))}
    assert "servicebus-broker" in names
    assert not names & OF_OTHER_PROJECTS
    assert not [name for name in names if name.startswith("azure")]


def test_script_and_module_are_the_same_command(installed: Environment, tmp_path: Path) -> None:
    by_script = installed.run("servicebus-broker", "--help", cwd=tmp_path)
    by_module = installed.run("python", "-m", "servicebus_broker", "--help", cwd=tmp_path)
    assert "Usage: servicebus-broker [OPTIONS]" in by_script
    for option in ("--port", "--https-port", "--config", "--queue", "--data", "--memory", "--cert", "--fsync"):
        assert option in by_script
        assert option in by_module


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_of_the_readme_start_a_broker(installed: Environment, command: list[str], tmp_path: Path) -> None:
    (tmp_path / "servicebus.json").write_text(CONFIG)
    # The last of two options of the same name counts, so the broker takes free ports instead of those in the README.
    with serving(installed, *command, "--port", "0", "--https-port", "0", cwd=tmp_path) as addresses:
        shown = re.search(r"^ready (\{.*)$", TEXT, re.MULTILINE)
        assert shown is not None
        assert addresses.keys() == json.loads(shown[1]).keys()


def test_first_example_prints_the_message_that_it_sent(with_pytest: Environment, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example("import os"))
    command = ("servicebus-broker", "--memory", "--queue", "orders", "--port", "0")
    with serving(with_pytest, *command, cwd=tmp_path) as addresses:
        connection = addresses["connection_string"]
        printed = with_pytest.run("python", "example.py", cwd=tmp_path, SERVICEBUS_CONNECTION=connection)
        assert printed == "one espresso\n"


def test_pytest_finds_the_fixtures_without_a_conftest(with_pytest: Environment, tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(example("# test_orders.py"))
    assert "2 passed" in with_pytest.run("pytest", "-W", "error", "--strict-markers", cwd=tmp_path)


def test_plugin_is_idle_in_runs_without_its_fixtures(with_pytest: Environment, tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(TEST_OF_ANOTHER_PROJECT)
    assert "1 passed" in with_pytest.run("pytest", "-W", "error", cwd=tmp_path)


def test_plugin_without_azure_servicebus_names_the_extra(installed: Environment, tmp_path: Path) -> None:
    installed.install("pytest", cwd=tmp_path)
    (tmp_path / "test_other.py").write_text(TEST_OF_ANOTHER_PROJECT)
    assert "1 passed" in installed.run("pytest", "-W", "error", cwd=tmp_path)
    (tmp_path / "test_fixture.py").write_text(USES_A_FIXTURE)
    told = installed.run("pytest", "test_fixture.py", cwd=tmp_path, status=1)
    assert "need azure-servicebus: pip install 'servicebus-broker[pytest]'" in told
    assert "Traceback" not in told


def test_requirements_of_the_readme_exist(installed: Environment, tmp_path: Path) -> None:
    assert set(REQUIREMENTS) == {"servicebus-broker", "servicebus-broker[pytest]"}
    script = "import importlib.metadata as m; print(m.metadata('servicebus-broker').get_all('Provides-Extra'))"
    assert "'pytest'" in installed.run("python", "-c", script, cwd=tmp_path)
