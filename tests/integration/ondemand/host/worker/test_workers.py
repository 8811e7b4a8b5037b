"""The runtime of the Azure Functions worker and the host's own code give functions the same, and answer the same."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.integration.ondemand.host.worker.cases import CASES

RAISES = {
    "http no json": "ValueError: ",
    "http json of nothing": "ValueError: ",
    "raises": "ValueError: second",
    "raises in a thread": "ValueError: in a thread",
    "raises without a text": "Unhandled exception in function.",
    "http returns None": "TypeError: ",
    "http returns a list": "TypeError: ",
    "http answers with a cookie of no time": "ValueError: ",
    "http from no request": "TypeError: ",
    "integer": "",
    "returns": "RuntimeError: ",
    "without user properties": "TypeError: ",
    "without metadata": "TypeError: ",
    "user properties that are none": "ValueError: ",
    "no number": "ValueError: ",
    "time 11/26/2026 21:00:22": "ValueError: ",
    "time 2026-11-26T21:00:22+02:00": "ValueError: ",
    "time 20261126": "ValueError: ",
    "time today": "ValueError: ",
}
"""How the text of an exception begins; of the rest a worker has its own words."""


def ask(worker: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.integration.ondemand.host.worker.ask", worker]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def own() -> dict[str, Any]:
    return ask("own")


@pytest.fixture(scope="module")
def runtime() -> dict[str, Any]:
    if sys.version_info < (3, 13):
        pytest.skip("azure-functions-runtime needs Python 3.13")
    return ask("runtime")


@pytest.mark.parametrize("case", CASES)
def test_own_code_fails_where_azure_does(own: dict[str, Any], case: str) -> None:
    answer = own["answers"][case]
    assert answer["status"] == (0 if case in RAISES else 1), answer
    assert answer["message"].startswith(RAISES.get(case, ""))


def test_both_index_the_same(own: dict[str, Any], runtime: dict[str, Any]) -> None:
    assert own["functions"] == runtime["functions"]


@pytest.mark.parametrize("case", CASES)
def test_both_answer_the_same(own: dict[str, Any], runtime: dict[str, Any], case: str) -> None:
    ours, theirs = own["answers"][case], runtime["answers"][case]
    for answer in (ours, theirs):
        answer["trace"] = answer["trace"].splitlines()[-1:]  # the frames above are each one's own
        answer["message"] = _beginning(case, answer["message"])
        answer["trace"] = answer["trace"] if case.startswith("raises") else bool(answer["trace"])
    assert ours == theirs


def _beginning(case: str, message: str) -> str:
    start = RAISES.get(case, message)
    return start if message.startswith(start) else message


def test_cancellation_ends_a_function(own: dict[str, Any]) -> None:
    assert own["cancelled"]


def test_cancellation_ends_a_function_of_the_runtime(runtime: dict[str, Any]) -> None:
    assert runtime["cancelled"]


def test_function_gets_message_as_in_azure(own: dict[str, Any]) -> None:
    given = {case: own["answers"][case]["given"] for case in CASES}
    assert given["string"]["body"] == repr("grüße".encode())
    assert given["null"]["body"] == "b''"
    assert given["json"]["body"] == """b'{"a": 1}'"""
    assert given["properties"]["delivery_count"] == "3"
    assert given["properties"]["dead_letter_reason"] == "None"
    assert given["properties"]["application_properties"] == "{'DeadLetterReason': 'r'}"
    assert "tzinfo" not in given["time 2026-11-26T21:00:22.776"]["enqueued_time_utc"]
    assert "tzinfo" in given["time 2026-11-26T21:00:22.776+00:00"]["enqueued_time_utc"]


def test_context_names_the_invocation_in_threads_too(own: dict[str, Any]) -> None:
    for case, is_main in (("context", True), ("context in a thread", False)):
        context = json.loads(own["answers"][case]["returned"].partition("='")[2].rpartition("'")[0])
        assert (context["invocation"], context["thread"], context["main"]) == ("an-id", "an-id", is_main)
        assert context["trace"][0].startswith("00-4bf9")
