"""Functions under way, and what becomes of them at functionTimeout."""

import asyncio
from datetime import timedelta

import pytest

from ondemand.host.function_timeout import RunningFunctions, WorkerRestarted, WorkerRestarts

SHORT, LONG = timedelta(milliseconds=10), timedelta(minutes=1)


class Restarts:
    """Counts the restarts that are asked for."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> None:
        self.number += 1


async def never(functions: RunningFunctions) -> None:
    with functions.running("never"):
        await asyncio.Event().wait()


@pytest.mark.parametrize("timeout", [LONG, None])
async def test_function_that_returns_in_time_restarts_nothing(timeout: timedelta | None) -> None:
    restarts = Restarts()
    functions = RunningFunctions(timeout, restarts)
    for _ in range(2):
        with functions.running("quick"):
            await asyncio.sleep(0)
    assert restarts.number == 0


async def test_one_that_runs_for_too_long_ends_all(caplog: pytest.LogCaptureFixture) -> None:
    restarts = Restarts()
    functions = RunningFunctions(SHORT, restarts)
    ended = await asyncio.gather(*(never(functions) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in ended] == [WorkerRestarted] * 3
    assert restarts.number == 1
    assert "function never ran for 0.01 s, functionTimeout: the worker restarts, and 2 other invocations" in caplog.text


async def test_what_comes_while_the_worker_restarts_is_told_so() -> None:
    functions = RunningFunctions(SHORT, Restarts())
    with pytest.raises(WorkerRestarted):
        await never(functions)
    with pytest.raises(WorkerRestarts), functions.running("late"):
        pass


async def test_cancellation_of_another_reason_is_one() -> None:
    functions = RunningFunctions(LONG, Restarts())
    task = asyncio.create_task(never(functions))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
