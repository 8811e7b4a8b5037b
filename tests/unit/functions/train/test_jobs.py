"""What clients read of the trouble that Databricks has: our own words, and what the notebook said."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import orjson
import pytest

from functions.errors import OnDemandError, TrainingRefused, Unavailable
from functions.train import jobs as module
from functions.train.jobs import Jobs, RunStatus

SECRET = "host=https://adb-1.example.net, user=jane@example.com"
ENDED = RunStatus(7, "TERMINATED", None, None, None, False, SECRET, 8, "name", "RUN_EXECUTION_ERROR")
Answer = Callable[[int, dict[str, Any]], Jobs]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """Jobs of a workspace that gives this answer to every call."""
    given: list[tuple[int, bytes]] = []

    class Workspace(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = given[-1]
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Workspace)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-secret")
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "pat")
    module._workspace_client.cache_clear()

    def jobs(status: int, body: dict[str, Any]) -> Jobs:
        given.append((status, orjson.dumps(body)))
        return Jobs(timeout_s=1)

    yield jobs
    module._workspace_client.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


async def told(call: Callable[[], Any]) -> OnDemandError:
    with pytest.raises(OnDemandError) as raised:
        await call()
    return raised.value


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "UNAUTHENTICATED", "does not accept the credentials"),
        (403, "PERMISSION_DENIED", "lacks a permission"),
        (404, "RESOURCE_DOES_NOT_EXIST", "does not exist"),
        (400, "INVALID_PARAMETER_VALUE", "as the catalog describes it"),
        (501, "NOT_IMPLEMENTED", "lacks a feature"),
    ],
)
async def test_refusal_is_told_in_our_words(answer: Answer, status: int, code: str, said: str) -> None:
    jobs = answer(status, {"error_code": code, "message": f"no: {SECRET}"})
    error = await told(lambda: jobs.status(7))
    assert isinstance(error, TrainingRefused)
    assert said in error.detail
    assert "example" not in error.detail
    assert SECRET in str(error.__cause__)


async def test_outage_is_told_in_our_words(answer: Answer) -> None:
    jobs = answer(500, {"error_code": "INTERNAL_ERROR", "message": SECRET})
    error = await told(lambda: jobs.status(7))
    assert isinstance(error, Unavailable)
    assert error.detail == "Databricks cannot be reached."


async def test_configuration_is_not_told(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = answer(200, {})
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "oauth-m2m")
    error = await told(lambda: jobs.status(7))
    assert error.detail == "The connection to Databricks is not configured rightly; see the log."
    assert "127.0.0.1" in str(error.__cause__)


async def test_notebook_speaks_for_itself(answer: Answer) -> None:
    jobs = answer(200, {"error": "ValueError: no data", "error_trace": "Traceback …"})
    assert await jobs.failure(ENDED) == "ValueError: no data\nTraceback …"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("CLUSTER_ERROR", "CLUSTER_ERROR: its cluster failed."),
        ("CANCELED", "CANCELED: it was cancelled, or took longer than training_timeout_s."),
        ("STORAGE_ACCESS_ERROR", "STORAGE_ACCESS_ERROR: the service's log has what Databricks says of it."),
        ("", "no reason given: the service's log has what Databricks says of it."),
    ],
)
async def test_words_of_the_platform_are_not_those_of_the_notebook(answer: Answer, code: str, said: str) -> None:
    jobs = answer(200, {"error": f"Could not launch {SECRET}"})
    ended = RunStatus(7, "TERMINATED", None, None, None, False, SECRET, 8, "name", code)
    assert await jobs.failure(ended) == said


async def test_status_has_name_and_code_of_the_run(answer: Answer) -> None:
    details = {"code": "CLUSTER_ERROR", "message": SECRET}
    run = {"run_id": 7, "run_name": "n", "status": {"state": "TERMINATED", "termination_details": details}}
    status = await answer(200, run).status(7)
    assert (status.name, status.code, status.message, status.succeeded) == ("n", "CLUSTER_ERROR", SECRET, False)


def test_terms_are_those_of_the_sdk() -> None:
    from databricks.sdk import errors
    from databricks.sdk.service.jobs import TerminationCodeCode

    assert set(module.ENDINGS) <= {code.value for code in TerminationCodeCode}
    assert all(hasattr(errors, name) for name in module.REFUSED)
