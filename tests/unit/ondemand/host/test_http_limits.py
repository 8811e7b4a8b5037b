"""Places of requests."""

import asyncio

import pytest

from ondemand.host.http_limits import RequestLimits, TooManyRequestsError


async def test_request_beyond_the_outstanding_ones_is_refused_until_one_ends() -> None:
    limits = RequestLimits(1, None)
    with await limits.place() as waited:
        assert not waited
        with pytest.raises(TooManyRequestsError):
            await limits.place()
    with await limits.place():
        pass


async def test_request_beyond_the_concurrent_ones_waits_and_is_told() -> None:
    limits = RequestLimits(None, 1)

    async def ask() -> bool:
        with await limits.place() as waited:
            return waited

    with await limits.place() as waited:
        assert not waited
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)
        assert not asking.done()
    assert await asking
