import asyncio

import pytest

from functions.errors import Unavailable
from functions.slots import Slots


async def test_slot_is_waited_for_until_the_limit() -> None:
    slots = Slots(1, "Every seat is taken.", 0.05)
    async with slots:
        with pytest.raises(Unavailable, match="Every seat is taken"):
            await slots.acquire()
    async with slots:
        assert slots.locked()
    assert not slots.locked()


async def test_slot_that_becomes_free_in_time_is_taken() -> None:
    slots = Slots(1, "Every seat is taken.", 60)
    await slots.acquire()
    waiting = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)  # it waits
    slots.release()
    assert await waiting


async def test_without_a_limit_a_slot_is_waited_for() -> None:
    slots = Slots(1, "", None)
    await slots.acquire()
    waiting = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)  # it waits
    assert not waiting.done()
    slots.release()
    assert await waiting
