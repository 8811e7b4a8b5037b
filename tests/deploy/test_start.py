"""The image's start script: SIGTERM drains the host before it ends it. The host here is a small process, its admin API
a server of the test; the scripts are the ones of the image."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import pytest

IMAGE = Path(__file__).parents[2] / "deploy/image"
KEY = "master key of the test"
DEADLINE_S = 60
HOST = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("host started", flush=True)
signal.sigwait({signal.SIGTERM})
print("host stopped", flush=True)
"""


class AdminApi(ThreadingHTTPServer):
    """``/admin/host/drain`` of a host with two invocations under way: they end one a look."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _AdminHandler)
        self.states = ["Completed", "InProgress", "InProgress"]
        self.calls: list[str] = []


class _AdminHandler(BaseHTTPRequestHandler):
    server: AdminApi

    def do_POST(self) -> None:
        self._answer(202, b"")

    def do_GET(self) -> None:
        self._answer(200, b'{"state": "%s", "outstandingInvocations": 0}' % self.server.states[-1].encode())
        if len(self.server.states) > 1:
            self.server.states.pop()

    def _answer(self, status: int, body: bytes) -> None:
        self.server.calls.append(f"{self.command} {self.path}")
        allowed = self.headers.get("x-functions-key") == KEY
        self.send_response(status if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test looks at ``calls``."""


@pytest.fixture
def api() -> Iterator[AdminApi]:
    with AdminApi() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def start(api: AdminApi, key_file: Path, *command: str) -> "subprocess.Popen[str]":
    environment = os.environ | {
        "ASPNETCORE_URLS": f"http://+:{api.server_port}",
        "HOST_MASTER_KEY_FILE": str(key_file),
    }
    return subprocess.Popen(
        [IMAGE / "start.sh", *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "host.master"
    file.write_text(KEY + "\n", encoding="utf-8")
    return file


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def stop_after_start(
    process: "subprocess.Popen[str]", kill: Callable[[int, int], None] = os.kill
) -> tuple[list[str], str]:
    """SIGTERM once the host runs; what it printed after that, on both streams."""
    try:
        assert line(process.stdout) == "host started"
        kill(process.pid, signal.SIGTERM)
        output, errors = process.communicate(timeout=DEADLINE_S)
    finally:
        with suppress(ProcessLookupError):  # the script, and a host that it left behind
            os.killpg(process.pid, signal.SIGKILL)
    return output.splitlines(), errors


def test_sigterm_drains_the_host_and_then_ends_it(api: AdminApi, key_file: Path) -> None:
    process = start(api, key_file, sys.executable, "-c", HOST)
    output, errors = stop_after_start(process)
    assert output == ["draining: InProgress", "draining: InProgress", "drained", "host stopped"]
    assert api.calls == ["POST /admin/host/drain", *["GET /admin/host/drain/status"] * 3]
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("key", [None, "another key"])
def test_a_host_that_cannot_be_drained_is_ended_all_the_same(api: AdminApi, tmp_path: Path, key: str | None) -> None:
    key_file = tmp_path / "host.master"
    if key is not None:
        key_file.write_text(key, encoding="utf-8")
    process = start(api, key_file, sys.executable, "-c", HOST)
    output, errors = stop_after_start(process)
    assert output == ["host stopped"]
    assert "cannot drain the host" in errors
    assert "stopping without a drain" in errors
    assert "another key" not in errors
    assert process.returncode == 0


def test_each_pod_makes_a_key_of_its_own(api: AdminApi, tmp_path: Path) -> None:
    made = set()
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = start(api, folder / "host.master", "cat", str(folder / "host.master"))
        key, _ = process.communicate(timeout=DEADLINE_S)
        assert re.fullmatch("[0-9a-f]{64}", key)
        assert (folder / "host.master").stat().st_mode & 0o777 == 0o600
        made.add(key)
    assert len(made) == 2


def test_a_key_that_is_there_stays(api: AdminApi, key_file: Path) -> None:
    start(api, key_file, "true").communicate(timeout=DEADLINE_S)
    assert key_file.read_text(encoding="utf-8").strip() == KEY


def run(key_file: Path, folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"HOST_MASTER_KEY_FILE": str(key_file), "KEY_VAULT_FOLDER": str(folder)}
    return subprocess.run(
        [IMAGE / "start.sh", *command], env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def test_files_of_the_key_vault_are_variables_of_the_host(key_file: Path, tmp_path: Path) -> None:
    """Mounted as the CSI driver does: links into a folder that it replaces as a whole."""
    version = tmp_path / "keyvault/..2026"
    version.mkdir(parents=True)
    (tmp_path / "keyvault/..data").symlink_to(version.name)
    values = {"DATABRICKS_TOKEN": "two words $HOME `id`\n", "CERTIFICATE_2": "a\nb\n", "host.master": "no variable"}
    for name, value in values.items():
        (version / name).write_text(value, encoding="utf-8")
        (tmp_path / "keyvault" / name).symlink_to(Path("..data", name))
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    ended = run(key_file, tmp_path / "keyvault", sys.executable, "-c", code)
    seen = json.loads(ended.stdout)
    assert (seen["DATABRICKS_TOKEN"], seen["CERTIFICATE_2"]) == ("two words $HOME `id`", "a\nb")
    assert "no variable" not in seen.values()
    assert (ended.returncode, ended.stderr) == (0, "")


def test_without_a_key_vault_the_host_starts_too(key_file: Path, tmp_path: Path) -> None:
    ended = run(key_file, tmp_path / "missing", "echo", "started")
    assert (ended.stdout, ended.stderr, ended.returncode) == ("started\n", "", 0)


def test_a_secret_that_cannot_be_read_keeps_the_host_from_starting(key_file: Path, tmp_path: Path) -> None:
    """Without it the functions would fail one by one, later."""
    (tmp_path / "DATABRICKS_TOKEN").symlink_to("..data/DATABRICKS_TOKEN")
    ended = run(key_file, tmp_path, "echo", "started")
    assert ended.stdout == ""
    assert "DATABRICKS_TOKEN" in ended.stderr
    assert ended.returncode != 0


def test_a_host_that_ends_while_it_is_drained_gives_its_own_exit_status(api: AdminApi, key_file: Path) -> None:
    process = start(api, key_file, sys.executable, "-c", f"import os; print(os.getpid())\n{HOST}raise SystemExit(3)")
    host = int(line(process.stdout))

    def end_host_in_the_drain(script: int, number: int) -> None:
        os.kill(script, number)
        assert line(process.stdout) == "draining: InProgress"
        os.kill(host, number)

    output, errors = stop_after_start(process, end_host_in_the_drain)
    assert sorted(output) == ["drained", "draining: InProgress", "host stopped"]
    assert (process.returncode, errors) == (3, "")


def test_a_host_that_ends_by_itself_gives_its_exit_status(api: AdminApi, key_file: Path) -> None:
    process = start(api, key_file, "sh", "-c", "exit 7")
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, output) == (7, "")
    assert api.calls == []


def test_draining_for_prestop_twice_does_no_harm(api: AdminApi, key_file: Path) -> None:
    environment = os.environ | {
        "ASPNETCORE_URLS": f"http://+:{api.server_port}",
        "HOST_MASTER_KEY_FILE": str(key_file),
    }
    for _ in range(2):
        subprocess.run([IMAGE / "drain.py"], env=environment, check=True, timeout=DEADLINE_S, capture_output=True)
    assert api.calls.count("POST /admin/host/drain") == 2
