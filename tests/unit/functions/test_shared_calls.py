import asyncio
from typing import Any

import pytest

from functions import telemetry
from functions.shared_calls import SharedCalls
from functions.telemetry.names import LOADS
from functions.telemetry.signals import Telemetry
from tests.unit.functions.recording import Recording, id_of, links_of


class Call:
    def __init__(self) -> None:
        self.count = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.count += 1
        await self.go.wait()
        return self.count


async def test_concurrent_callers_share_a_call_and_its_value_is_kept() -> None:
    calls: SharedCalls[str, int] = SharedCalls(keep_s=60)
    call = Call()
    asked = [asyncio.create_task(calls.get("a", call)) for _ in range(10)]
    await asyncio.sleep(0)  # they have asked
    call.go.set()
    assert await asyncio.gather(*asked) == [1] * 10
    assert await calls.get("a", call) == 1
    calls.forget("a")
    assert await calls.get("a", call) == 2


async def test_what_is_not_worth_keeping_is_asked_again() -> None:
    calls: SharedCalls[str, int] = SharedCalls(keep_s=60, worth_keeping=lambda value: value > 1)
    call = Call()
    call.go.set()
    assert [await calls.get("a", call) for _ in range(3)] == [1, 2, 2]


async def test_a_failure_is_shared_and_not_kept() -> None:
    calls: SharedCalls[str, int] = SharedCalls(keep_s=60)

    async def fail() -> int:
        raise OSError("down")

    outcomes = await asyncio.gather(calls.get("a", fail), calls.get("a", fail), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError, OSError]
    assert "a" not in calls


async def test_the_call_goes_on_for_the_others_when_one_is_cancelled() -> None:
    calls: SharedCalls[str, int] = SharedCalls(keep_s=60)
    call = Call()
    first, second = (asyncio.create_task(calls.get("a", call)) for _ in range(2))
    await asyncio.sleep(0)  # they have asked
    first.cancel()
    call.go.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


class BrokenTelemetry(Telemetry):
    def began(self, shared: "asyncio.Task[Any]") -> None:
        raise ArithmeticError


async def test_call_is_forgotten_whatever_telemetry_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: SharedCalls[str, int] = SharedCalls(keep_s=0)
    call = Call()
    call.go.set()
    monkeypatch.setattr(telemetry, "active", BrokenTelemetry())
    with pytest.raises(ArithmeticError):
        await calls.get("a", call)
    monkeypatch.setattr(telemetry, "active", Telemetry())
    assert await calls.get("a", call) == 1
    assert await calls.get("a", call) == 2


async def test_who_joins_a_call_is_linked_to_who_began_it(recorded: Recording) -> None:
    calls: SharedCalls[str, int] = SharedCalls(keep_s=60)
    call = Call()

    async def ask() -> int:
        with telemetry.active.step("load", "wine"):
            return await calls.get("a", call)

    asked = [asyncio.create_task(ask()) for _ in range(2)]
    await asyncio.sleep(0)  # they have asked
    call.go.set()
    await asyncio.gather(*asked)
    first, second = recorded.spans
    assert links_of(first) == set()
    assert links_of(second) == {id_of(first)}
    assert len(recorded.labels(LOADS)) == 1
