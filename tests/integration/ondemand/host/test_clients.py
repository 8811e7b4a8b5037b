"""What clients do that httpx does not: raw paths, HTTP/1.0, chunks, an offer of HTTP/2, and leaving."""

import asyncio
import json
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.integration.ondemand.host.conftest import DEADLINE, RunningPart, host_arguments, host_environ, running, told


async def curl(host: RunningPart, path: str, *options: str) -> str:
    """What curl prints."""
    command = ("curl", "--silent", "--show-error", "--max-time", str(DEADLINE), *options, host.addresses["url"] + path)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode()


@pytest.mark.parametrize(
    ("sent", "name"),
    [("%C3%A9%20b", "é b"), ("a%2Fb", "a%2Fb"), ("x/../a%3Fb", "a?b"), ("%F0%9F%8D%B7", "🍷"), ("%ff", "%ff")],
)
async def test_escapes_in_a_path_are_decoded_but_for_the_slash(host: RunningPart, sent: str, name: str) -> None:
    """httpx normalizes paths, curl sends them as they are."""
    answer = await curl(host, f"/api/echo/{sent}", "--path-as-is")
    assert json.loads(answer)["route"] == {"name": name}


async def test_blanks_around_the_value_of_a_header_are_no_part_of_it(host: RunningPart) -> None:
    answer = await curl(host, "/api/echo/a", "--header", "X-Test: \t a b \t ")
    assert json.loads(answer)["header"] == "a b"


async def test_client_of_http_1_0_gets_a_length(host: RunningPart) -> None:
    answer = await curl(host, "/api/any", "--http1.0", "--include")
    assert "content-length: 3\r\n" in answer
    assert "chunked" not in answer


async def test_offer_of_http2_by_curl_loses_nothing(host: RunningPart) -> None:
    answer = await curl(host, "/api/echo/a", "--http2", "--json", '{"a": 1}')
    assert json.loads(answer)["body"] == '{"a": 1}'


async def test_body_of_curl_in_chunks_is_empty(host: RunningPart) -> None:
    chunked = ("--header", "Transfer-Encoding: chunked")
    answer = await curl(host, "/api/echo/a", *chunked, "--json", '{"a": 1}')
    assert json.loads(answer)["body"] == ""


async def test_client_that_leaves_ends_no_function(http: httpx.AsyncClient, host: RunningPart) -> None:
    await http.post("/api/gate/closed")
    async with httpx.AsyncClient(base_url=host.addresses["url"]) as impatient:
        asking = asyncio.create_task(impatient.get("/api/slow/gate"))
        await told(http, "slow", lambda answer: bool(answer["messages"]))
        asking.cancel()
    await http.post("/api/gate/open")
    seen = await told(http, "slow", lambda answer: len(answer["messages"]) == 2)
    assert seen["messages"] == [{"begins": "gate"}, {"ends": "gate"}]
    assert "Traceback" not in host.log.read_text()


async def test_request_whose_client_left_while_it_waited_for_its_place_is_not_run(bus: str, tmp_path: Path) -> None:
    one = {"AzureFunctionsJobHost__extensions__http__maxConcurrentRequests": "1"}
    with running(tmp_path / "host.log", *host_arguments(), **host_environ(bus), **one) as host:
        async with httpx.AsyncClient(base_url=host.addresses["url"], timeout=DEADLINE) as http:
            first = asyncio.create_task(http.get("/api/slow/gate"))
            await told(http, "slow", lambda answer: bool(answer["messages"]))
            port = int(host.addresses["url"].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as impatient:
                impatient.sendall(b"GET /api/slow/0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                await http.get("/admin/host/ping")
            last = asyncio.create_task(http.get("/api/any"))
            await http.post("/api/gate/open")
            assert ((await first).text, (await last).text) == ("done", "GET")
            seen = await told(http, "slow", lambda answer: True)
        assert seen["messages"] == [{"begins": "gate"}, {"ends": "gate"}]
        assert "the client went away before the function began" in host.log.read_text()
