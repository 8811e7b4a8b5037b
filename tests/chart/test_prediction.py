"""The script of `helm test`, run as its pod runs it, against answers as predict gives them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from functions.catalog import load_catalog
from functions.predict.request import parse_body, validate
from functions.settings import RowSettings
from tests.chart.charts import ROOT, environment, pods
from tests.chart.conftest import Releases

Answer = tuple[int, dict[str, object]]
PENDING: Answer = (202, {"runId": "r1", "status": "running", "statusMessage": "training is requested"})
COMPLETED: Answer = (200, {"runId": "r1", "status": "completed", "statusMessage": None, "result": [6.4]})
FAILED: Answer = (200, {"runId": "r1", "status": "error", "statusMessage": "training failed"})
FULL: Answer = (429, {"title": "full"})
REFUSED: Answer = (422, {"title": "Invalid request"})


@contextmanager
def predict(*answers: Answer) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Address, and what was asked: method, path, function key."""
    asked: list[tuple[str, str, str]] = []
    remaining = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def do_GET(self) -> None:
            asked.append((self.command, self.path, self.headers["x-functions-key"]))
            status, body = remaining.pop(0)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def run(script: str, address: str, request: str = '{"modelType": "wine"}') -> subprocess.CompletedProcess[str]:
    environ = {"ADDRESS": address, "FUNCTION_KEY": "key", "REQUEST": request, "TIMEOUT_S": "60"}
    clean = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-I", "-c", script.replace("RETRY_S = 5", "RETRY_S = 0.01")],
        env=clean | environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture(scope="session")
def script(releases: Releases) -> str:
    """As it is in the pod."""
    (container,) = releases("default").of_kind("Pod")["test"]["spec"]["containers"]
    assert container["command"] == ["python3", "-I", "-c"]
    (argument,) = container["args"]
    return str(argument)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([COMPLETED], 0),
        ([PENDING, PENDING, COMPLETED], 0),
        ([FULL, COMPLETED], 0),
        ([PENDING, FAILED], 1),
        ([REFUSED], 1),
    ],
)
def test_it_waits_for_the_outcome(script: str, answers: list[Answer], status: int) -> None:
    with predict(*answers) as (address, asked):
        done = run(script, address)
    assert done.returncode == status, done.stderr
    assert len(asked) == len(answers)
    assert asked[0] == ("POST", "/predict", "key")
    if PENDING in answers:
        assert asked[1] == ("GET", "/predict/r1", "key")


def test_without_a_request_it_says_what_to_give(script: str) -> None:
    done = run(script, "http://127.0.0.1:1", "{}")
    assert (done.returncode, done.stdout) == (
        1,
        "nothing to ask for: give test.request, or an example in the catalog\n",
    )


def test_its_request_is_one_that_predict_accepts(releases: Releases) -> None:
    given = environment(pods(releases("default").manifests)["test"])
    request = parse_body("application/json", str(given["REQUEST"]).encode(), 1_000_000)
    catalog = load_catalog(ROOT / "models.yaml")
    validate(request, catalog, RowSettings(max_rows=1000))
    assert request.model_type == next(name for name in sorted(catalog.models) if catalog.models[name].example)


def test_it_asks_the_service_or_the_interceptor(releases: Releases) -> None:
    plain = environment(pods(releases("default").manifests)["test"])
    assert plain["ADDRESS"] == "http://demo-predict:80"
    intercepted = environment(pods(releases("http-add-on").manifests)["test"])
    assert intercepted["ADDRESS"] == "http://keda-add-ons-http-interceptor-proxy.keda:8080"
    assert intercepted["HOST_HEADER"] == "predict.example.com"
