"""HTTP triggers over real HTTP."""

import asyncio
import os
import socket
import subprocess
import sys
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from tests.integration.ondemand.host.conftest import (
    APP,
    DEADLINE,
    RunningPart,
    host_arguments,
    host_environ,
    running,
    told,
)


async def test_the_function_gets_the_request_and_its_answer_goes_out(http: httpx.AsyncClient) -> None:
    response = await http.post("/api/echo/%61%20b?x=1&x=2&y=", json={}, headers={"X-Test": "1"})
    assert response.status_code == 203
    assert response.headers["x-answer"] == "yes"
    assert response.headers["content-type"] == "application/json"
    assert response.cookies["a"] == "b"
    assert response.json() == {
        "method": "POST",
        "url": f"{str(http.base_url).rstrip('/')}/api/echo/a%20b?x=1&x=2&y=",
        "params": {"x": "1,2"},  # what is empty is left out
        "route": {"name": "a b"},
        "header": "1",
        "body": "{}",
    }


async def test_status_lines_are_those_of_kestrel_on_every_python(http: httpx.AsyncClient) -> None:
    """Python 3.13 calls 422 "Unprocessable Content", and 413 "Content Too Large"."""
    responses = [await http.get(f"/api/status/{status}") for status in (413, 422)]
    assert [each.reason_phrase for each in responses] == ["Payload Too Large", "Unprocessable Entity"]


async def test_plain_functions_run_in_threads_and_get_the_context(http: httpx.AsyncClient) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    response = await http.get("/api/plain", headers={"traceparent": traceparent})
    assert (response.status_code, response.text) == (200, f"plain {traceparent}")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_function_that_raises_shows_its_trace_in_the_log_only(
    http: httpx.AsyncClient, host: RunningPart
) -> None:
    response = await http.get("/api/boom")
    assert (response.status_code, response.content) == (500, b"")
    assert "ValueError: a secret" in host.log.read_text()


async def test_none_is_no_answer(http: httpx.AsyncClient, host: RunningPart) -> None:
    assert (await http.get("/api/nothing")).status_code == 500
    assert 'unsupported type "http" for Python type "NoneType"' in host.log.read_text()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/echo/a"),
        ("GET", "/api/never_started"),
        *((method, "/api/echo/a") for method in ("DELETE", "HEAD", "OPTIONS", "PROPFIND")),
    ],
)
async def test_what_has_no_route_is_not_found(http: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await http.request(method, path)).status_code == 404


async def test_function_without_methods_has_all(http: httpx.AsyncClient) -> None:
    for method in ("GET", "OPTIONS", "PROPFIND"):
        assert (await http.request(method, "/api/any")).text == method
    head = await http.head("/api/any")
    assert (head.status_code, head.content) == (200, b"")


async def test_escaped_nul_is_a_bad_request(http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/echo/a%00")).status_code == 400


async def test_answer_has_a_date_and_no_length(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/plain")
    assert (answer.headers["transfer-encoding"], "content-length" in answer.headers) == ("chunked", False)
    assert (parsedate_to_datetime(answer.headers["date"]).tzinfo, "server" in answer.headers) == (UTC, False)
    assert (await http.get("/api/boom")).headers["content-length"] == "0"


async def test_root_has_a_page(http: httpx.AsyncClient) -> None:
    assert (await http.get("/")).headers["content-type"] == "text/html; charset=utf-8"


def test_page_at_the_root_can_be_disabled(bus: str, tmp_path: Path) -> None:
    environ = {**host_environ(bus, ("plain",)), "AzureWebJobsDisableHomepage": "true"}
    with running(tmp_path / "host.log", *host_arguments(), **environ) as part:
        assert httpx.get(part.addresses["url"]).status_code == 204


async def test_pages_of_the_sites_in_local_settings_may_ask(tmp_path: Path) -> None:
    for name in ("function_app.py", "host.json"):
        (tmp_path / name).write_bytes((APP / name).read_bytes())
    (tmp_path / "local.settings.json").write_text('{"Host": {"CORS": "https://app.example, http://b"}}')
    arguments = ("ondemand.host", "--script-root", str(tmp_path), "--port", "0")
    with running(tmp_path / "host.log", *arguments, **host_environ("no bus", ("any_method",))) as host:
        async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
            page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
            preflight = {**page, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-test"}
            allowed = await http.options("/api/any", headers=preflight)
            assert allowed.headers["access-control-allow-origin"] == "https://app.example"
            assert "PUT" in allowed.headers["access-control-allow-methods"]
            assert allowed.headers["access-control-allow-headers"] == "x-test"
            answer = await http.put("/api/any", headers=page)
            assert (answer.text, answer.headers["access-control-allow-origin"]) == ("PUT", "https://app.example")
            assert (await http.put("/api/any", headers={"Origin": "https://other.example"})).status_code == 403


async def test_admin_pages(http: httpx.AsyncClient) -> None:
    assert (await http.get("/admin/host/ping")).status_code == 200
    assert (await http.get("/admin/host/status")).json() == {"state": "Running"}


async def test_more_than_the_outstanding_requests_are_refused(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(http.get("/api/slow/2") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429, 429]
    assert (await http.get("/api/slow/0")).status_code == 200


async def test_a_running_request_is_answered_before_the_host_ends(http: httpx.AsyncClient, host: RunningPart) -> None:
    slow = asyncio.create_task(http.get("/api/slow/2"))
    await told(http, "slow", lambda answer: bool(answer["messages"]))
    host.process.terminate()
    assert (await slow).text == "done"
    assert await asyncio.to_thread(host.process.wait, DEADLINE) == 0


async def test_a_request_that_outlives_the_drain_is_told_to_come_again(bus: str, tmp_path: Path) -> None:
    arguments = host_arguments("--drain-timeout", "1")
    with running(tmp_path / "host.log", *arguments, **host_environ(bus, ("slow", "tell"))) as host:
        async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
            slow = asyncio.create_task(http.get("/api/slow/600"))
            await told(http, "slow", lambda answer: bool(answer["messages"]))
            host.process.terminate()
            answer = await slow
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert await asyncio.to_thread(host.process.wait, DEADLINE) == 0
        assert "Traceback" not in host.log.read_text()


def test_a_port_that_is_taken_is_said_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [*host_arguments(), "--port", str(taken.getsockname()[1])]
        ended = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=os.environ | {"AzureFunctionsJobHost__functions__0": "plain"},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert ended.returncode == 1
    assert "Address already in use; --port takes another one" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_only_the_named_functions_are_started(bus: str, tmp_path: Path) -> None:
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus, ("plain",))) as part:
        assert httpx.get(f"{part.addresses['url']}/api/plain").status_code == 200
        assert httpx.get(f"{part.addresses['url']}/api/nothing").status_code == 404
        assert "work: serviceBusTrigger" not in part.log.read_text()


@pytest.mark.parametrize(
    ("function", "environ", "complaint"),
    [
        ("never_started", {}, "timerTrigger is not supported"),
        ("work", {"BUS": "x"}, "WORK_QUEUE"),
        ("work", {"WORK_QUEUE": "work"}, "neither BUS nor BUS__fullyQualifiedNamespace"),
    ],
)
def test_what_cannot_be_run_is_said_and_ends_the_host(function: str, environ: dict[str, str], complaint: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *host_arguments()],
        env=os.environ | environ | {"AzureFunctionsJobHost__functions__0": function},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
