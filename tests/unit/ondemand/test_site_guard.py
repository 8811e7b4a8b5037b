"""Requests as a browser sends them for a page, and as a program sends them."""

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from ondemand.site_guard import SiteGuard

HERE = "http://127.0.0.1:7071"


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def status(method: str, body: bytes = b"", sites: str = "", **headers: str) -> int:
    return (await answer(method, body, sites, **headers)).status_code


async def answer(method: str, body: bytes = b"", sites: str = "", **headers: str) -> httpx.Response:
    guard = SiteGuard(answers, {"ONDEMAND_ALLOWED_HOSTS": "Dev.Example, "}, sites.split())
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=HERE) as client:
        return await client.request(method, "/predict", content=body, headers=sent)


JSON = {"content_type": "application/json"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", JSON),
        ("POST", JSON | {"origin": HERE, "sec_fetch_site": "same-origin"}),  # a page of the server itself
        ("POST", {"content_type": "text/plain"}),  # a program: the function decides
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}),  # a link
    ],
)
async def test_programs_own_pages_and_links_are_answered(method: str, headers: dict[str, str]) -> None:
    assert await status(method, b"{}" if method == "POST" else b"", **headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        JSON | {"origin": "http://evil.example"},  # fetch, after a preflight that nobody allowed
        {"origin": "http://evil.example", "content_type": "text/plain"},  # a form, or fetch with no-cors
        {"origin": "http://evil.example"},  # fetch of a Blob without a type
        {"origin": "null", "content_type": "text/plain"},  # a sandboxed frame, or a redirect
        {"origin": "http://127.0.0.1:3000", "content_type": "text/plain"},  # another server on this machine
        {"origin": "http://[", "content_type": "text/plain"},
        {"sec_fetch_site": "cross-site", "content_type": "text/plain"},
    ],
)
async def test_page_of_another_site_changes_nothing(headers: dict[str, str]) -> None:
    assert await status("POST", b"{}", **headers) == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:7071", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:7071", 200),
        ("dev.example:7071", 200),
        ("evil.example:7071", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example@127.0.0.1", 200),
        ("127.0.0.1@evil.example", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
async def test_name_that_a_page_made_up_is_refused(method: str, host: str, expected: int) -> None:
    """DNS rebinding: the page's own name leads to this machine, and its browser sends that name."""
    assert await status(method, host=host) == expected


@pytest.mark.parametrize(
    ("sites", "expected"), [("http://a http://friend.example", 200), ("*", 200), ("http://other.example", 403)]
)
async def test_page_of_a_site_that_may_ask_is_answered(sites: str, expected: int) -> None:
    page = {"origin": "http://Friend.example", "sec_fetch_site": "cross-site"}
    assert await status("POST", b"{}", sites, **JSON, **page) == expected


async def test_body_needs_a_type() -> None:
    assert await status("POST", b"{}") == 415
    assert await status("POST") == 200
    assert await status("DELETE", b"{}") == 415


async def test_unknown_name_is_told_with_the_setting_that_allows_it() -> None:
    said = (await answer("GET", host="evil.example")).text
    assert said == "This server is not known as 'evil.example'; ONDEMAND_ALLOWED_HOSTS names other hosts.\n"
