"""Bodies that are read at the same time share a bound."""

import pytest
from starlette.requests import Request

from ondemand.host.bodies import Bodies, BodyRefused, ClientGone, max_body_bytes
from ondemand.host.errors import HostError


def request(*chunks: bytes, ends: bool = True, declared: int | None = None) -> Request:
    """With the length of its chunks as Content-Length, or another one."""
    messages: list[dict[str, object]] = [{"type": "http.request", "body": each, "more_body": True} for each in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False} if ends else {"type": "http.disconnect"})
    left = iter(messages)

    async def receive() -> dict[str, object]:
        return next(left)

    length = len(b"".join(chunks)) if declared is None else declared
    return Request({"type": "http", "method": "POST", "headers": [(b"content-length", b"%d" % length)]}, receive)


async def test_bound_of_one_body_is_exact() -> None:
    bodies = Bodies(max_bytes=10, max_total=100)
    assert await bodies.read(request(b"12345", b"67890")) == b"1234567890"
    for declared in (11, 10**30):
        with pytest.raises(BodyRefused) as refused:
            await bodies.read(request(declared=declared))
        assert refused.value.status == 413


async def test_body_without_a_length_is_empty_and_not_waited_for() -> None:
    async def never() -> dict[str, object]:
        raise AssertionError("read")

    chunked = Request({"type": "http", "method": "POST", "headers": [(b"transfer-encoding", b"chunked")]}, never)
    assert await Bodies(max_bytes=10).read(chunked) == b""


async def test_bodies_count_until_they_are_released() -> None:
    bodies = Bodies(max_bytes=10, max_total=20)
    read = [await bodies.read(request(b"x" * 10)) for _ in range(2)]
    with pytest.raises(BodyRefused) as refused:
        await bodies.read(request(b"x"))
    assert refused.value.status == 503
    bodies.release(len(read[0]))
    assert await bodies.read(request(b"x")) == b"x"


async def test_body_that_is_not_complete_does_not_count() -> None:
    bodies = Bodies(max_bytes=10, max_total=10)
    for _ in range(3):
        with pytest.raises(ClientGone):
            await bodies.read(request(b"x" * 6, ends=False, declared=7))
        with pytest.raises(BodyRefused):
            await bodies.read(request(b"x" * 11))


@pytest.mark.parametrize("text", ["0", "-1", "1e6", "much"])
def test_setting_is_a_number_of_bytes(text: str) -> None:
    assert max_body_bytes({}) == 100 * 1024 * 1024
    with pytest.raises(HostError, match="FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"):
        max_body_bytes({"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": text})
