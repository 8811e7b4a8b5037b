"""Calls that hang, in real threads."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from functions.errors import Unavailable
from functions.run_model.threads import CallTimeout, Threads


class Gate:
    """A call that returns when the gate is opened."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        self.open.wait()
        return threading.current_thread().name


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


async def test_value_and_exception_of_a_call() -> None:
    threads = Threads("name", 2, 30)
    assert await threads.run(lambda: threading.current_thread().name) == "name"
    assert await threads.run(lambda: threading.current_thread().daemon)
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration()])
async def test_exceptions_that_would_end_the_loop_are_no_such(error: BaseException) -> None:
    def fail() -> None:
        raise error

    threads = Threads("name", 1, 30)
    with pytest.raises(RuntimeError, match=type(error).__name__):
        await threads.run(fail)
    assert await threads.run(lambda: 1) == 1


async def test_error_of_a_call_that_nobody_waits_for_is_not_logged(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio logs, with its trace, each exception that nobody has seen."""

    def fail() -> None:
        gate()
        raise ZeroDivisionError

    threads = Threads("name", 1, 30)
    call = asyncio.create_task(threads.run(fail))
    assert await asyncio.to_thread(gate.began.wait, 30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.open.set()
    while not threads._idle:  # the call has returned
        await asyncio.to_thread(gate.open.wait)
    gc.collect()
    assert caplog.text == ""


async def test_calls_beyond_the_places_wait(gate: Gate) -> None:
    threads = Threads("name", 1, 30)
    first, second = asyncio.create_task(threads.run(gate)), asyncio.create_task(threads.run(lambda: 2))
    assert await asyncio.to_thread(gate.began.wait, 30)
    assert not second.done()
    gate.open.set()
    assert await first == "name"
    assert await second == 2


async def test_wait_for_a_place_may_have_an_end(gate: Gate) -> None:
    threads = Threads("look-up", 1, 30, wait_s=0.05)
    first = asyncio.create_task(threads.run(gate))
    assert await asyncio.to_thread(gate.began.wait, 30)
    with pytest.raises(Unavailable, match="Every thread for a look-up is busy"):
        await threads.run(lambda: 2)
    gate.open.set()
    assert await first == "look-up"
    assert await threads.run(lambda: 2) == 2


async def test_call_that_hangs_is_given_up_and_another_begins(gate: Gate) -> None:
    threads = Threads("name", 1, 0.05)
    with pytest.raises(CallTimeout) as caught:
        await threads.run(gate)
    assert threads.hung == 1
    assert await threads.run(lambda: 2) == 2
    gate.open.set()
    assert await caught.value.ended == "name"
    assert threads.hung == 0


async def test_long_call_gives_its_place_to_another_and_is_not_given_up(gate: Gate) -> None:
    threads = Threads("name", 1, 30, place_s=0)
    long = asyncio.Event()
    first = asyncio.create_task(threads.run(gate, long.set))
    await long.wait()
    assert await threads.run(lambda: 2) == 2
    assert threads.hung == 0
    gate.open.set()
    assert await first == "name"


async def test_exception_of_a_call_that_was_given_up_is_not_lost_in_the_log(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        gate()
        raise ZeroDivisionError

    with pytest.raises(CallTimeout) as caught:
        await Threads("name", 1, 0.05).run(fail)
    gate.open.set()
    await asyncio.wait([caught.value.ended])
    del caught
    assert "never retrieved" not in caplog.text


async def test_no_more_threads_stay_than_places() -> None:
    threads = Threads("many", 2, 30, place_s=0)
    together = threading.Barrier(8, timeout=30)
    await asyncio.gather(*(threads.run(together.wait) for _ in range(8)))
    started = [thread for thread in threading.enumerate() if thread.name == "many"]
    while sum(thread.is_alive() for thread in started) > 2:
        await asyncio.to_thread(started[0].join, 0.01)
        started.append(started.pop(0))


async def test_thread_keeps_nothing_of_its_last_call() -> None:
    class Rows:
        pass

    gone = threading.Event()
    rows = Rows()
    threads = Threads("name", 1, 30)
    weakref.finalize(rows, gone.set)
    await threads.run(partial(id, rows))
    del rows
    await threads.run(lambda: None)
    assert await asyncio.to_thread(gone.wait, 30)


HANGING = """
import asyncio, threading
from functions.run_model.threads import CallTimeout, Threads

async def main():
    try:
        await Threads("name", 1, 0.01).run(threading.Event().wait)
    except CallTimeout:
        print("given up")

asyncio.run(main())
"""


def test_process_with_a_hung_call_ends() -> None:
    """With concurrent.futures it would wait for the thread for ever."""
    done = subprocess.run([sys.executable, "-c", HANGING], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "given up\n"
