"""The broker's README: every command and example in it does what it says."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from servicebus_broker.cli import app
from servicebus_broker.limits import DEFAULT_LIMITS
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import MAX_QUEUES
from servicebus_broker.testing import running_broker

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
README = (ROOT / "broker/README.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ (ondemand broker.*)$", README, re.MULTILINE)]
PYTHON: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
EXTRAS = re.findall(r"\[(\w+)\]'", README)
DEADLINE = 60


def example(start: str) -> str:
    """The one Python block that starts so."""
    (block,) = (block for block in PYTHON if block.startswith(start))
    return block


def test_the_table_has_every_option_and_its_default() -> None:
    running_it = README.split("\n## Running it\n")[1].split("\n## ")[0]
    table = re.findall(r"^\| (`--[^|]*) \| ([^|]*) \|", running_it, re.MULTILINE)
    documented = {tuple(re.findall(r"`(--[\w-]+)`", names)): default.strip(" `") for names, default in table}
    options = {
        (*parameter.opts, *parameter.secondary_opts): parameter for parameter in typer.main.get_command(app).params
    }
    assert set(documented) == set(options)
    for names, parameter in options.items():
        if isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
            assert documented[names] == str(parameter.default)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_start_a_broker(command: list[str], tmp_path: Path) -> None:
    queues = '{"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [{"Name": "orders"}]}]}}'
    (tmp_path / "servicebus.json").write_text(queues)
    # The last of two options of the same name counts: ports that are free rather than those of the README.
    arguments = [sys.executable, "-m", "ondemand.cli", *command[1:], "--port", "0", "--https-port", "0"]
    with subprocess.Popen(
        arguments, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            word, _, addresses = process.stdout.readline().partition(" ")
            assert word == "ready"
            shown = re.search(r"^ready (\{.*)$", README, re.MULTILINE)
            assert shown is not None
            assert json.loads(addresses).keys() == json.loads(shown[1]).keys()
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


def test_the_limits_are_those_of_the_broker() -> None:
    limits = dict(
        re.findall(r"^\| ([^|]+) \| ([^|]+) \|", README.split("\n## Limits\n")[1].split("\n## ")[0], re.MULTILINE)
    )
    assert limits["connections at a time"] == f"{DEFAULT_LIMITS.max_connections:,} (`--max-connections`)"
    links = next(value for name, value in limits.items() if name.startswith("sessions of a connection"))
    assert links == f"{DEFAULT_LIMITS.channel_max + 1}; {DEFAULT_LIMITS.handle_max + 1:,}"
    assert DEFAULT_LIMITS.handle_max + 1 == DEFAULT_LIMITS.max_links
    assert limits["message, or batch, as it is encoded"] == f"{DEFAULT_LIMITS.max_message_size // 2**20} MiB"
    assert limits["messages of a batch"] == f"{DEFAULT_LIMITS.max_batch_messages:,}"
    assert limits["queues"] == f"{MAX_QUEUES:,}"
    assert limits["size of a queue, dead letters included"].startswith(f"{QueueSettings('q').max_size // 2**30} GiB")
    assert limits["silence of a client"].startswith(f"{DEFAULT_LIMITS.idle_timeout / 60:.0f} min")


def test_queues_shows_those_of_the_broker_that_runs_here(tmp_path: Path) -> None:
    commands = re.findall(r"^\$ (ondemand queues[^#\n]*)", README, re.MULTILINE)
    local = [shlex.split(command) for command in commands if "--connection" not in command]
    assert local
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    ondemand = [sys.executable, "-m", "ondemand.cli"]
    broker = [*ondemand, "broker", "--port", "0", "--queue", "orders"]
    with subprocess.Popen(broker, cwd=tmp_path, env=environ, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"ready ")
            for command in local:
                shown = subprocess.run(
                    [*ondemand, *command[1:]],
                    cwd=tmp_path,
                    env=environ,
                    capture_output=True,
                    timeout=DEADLINE,
                    check=True,
                )
                assert b"orders" in shown.stdout
        finally:
            process.kill()


def test_the_first_example_prints_what_it_sent() -> None:
    script = example("from azure.servicebus")
    with running_broker() as bus:
        bus.create_queue("orders")
        address = re.match("Endpoint=sb://([^;]+);", bus.connection_string)
        assert address is not None
        assert "127.0.0.1:5672" in script
        printed = subprocess.run(
            [sys.executable, "-c", script.replace("127.0.0.1:5672", address[1])],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
    assert printed.stdout == "one espresso\n"


def test_the_example_of_the_fixtures_passes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(example("# conftest.py"))
    pytester.makepyfile(example("# test_orders.py"))
    pytester.runpytest_subprocess("-W", "error", "--strict-markers", timeout=DEADLINE).assert_outcomes(passed=2)


def test_the_extra_that_it_names_exists() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert EXTRAS
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in EXTRAS)
