"""What is logged anywhere reaches the host once.

The workers are played by how their handler tells the invocation: by the task, and from Python 3.13 on by a context
variable too, which goes into threads as well.
"""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from functions.upstream import worker_logs

logger = logging.getLogger("tests.worker_logs")
IN_CONTEXT: ContextVar[str | None] = ContextVar("invocation_id", default=None)
ID = "__azure_function_invocation_id__"
WORKERS_OWN = ("azure_functions", "azure.functions", "proxy_worker")


class WorkersTask(asyncio.Task[Any]):
    """Takes the invocation's id over from the task that makes it, as the worker's does."""

    def __init__(self, coro: Any, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(coro, loop=loop, **options)
        parent = asyncio.current_task(loop)
        setattr(self, ID, getattr(parent, ID, None))


class Host:
    """Keeps the records that the host would show."""

    def __init__(self, invocation_of: Callable[[], str | None]) -> None:
        self.invocation_of = invocation_of
        self.running: set[str] = set()
        self.shown: list[str] = []

    async def invoke(self, invocation_id: str, function: Callable[[], Awaitable[object]]) -> None:
        setattr(asyncio.current_task(), ID, invocation_id)
        IN_CONTEXT.set(invocation_id)
        self.running.add(invocation_id)
        try:
            await function()
        finally:
            self.running.remove(invocation_id)


class AsyncLoggingHandler(logging.Handler):
    """Sends a record with the id of the task that logs it. The host drops it without the id of a running invocation."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(WORKERS_OWN) or self._host.invocation_of() in self._host.running:
            self._host.shown.append(record.getMessage())


def by_task() -> str | None:
    """Worker 4.34."""
    try:
        return getattr(asyncio.current_task(), ID, None)
    except RuntimeError:
        return None


@pytest.fixture(params=[by_task, IN_CONTEXT.get], ids=["task", "context"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    root, host = logging.getLogger(), Host(request.param)
    before = list(root.handlers)
    root.addHandler(AsyncLoggingHandler(host))
    yield host
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)


@pytest.fixture
def console(host: Host) -> io.StringIO:
    stream = io.StringIO()
    worker_logs.install("WARNING", stream)
    return stream


class CustomerLogFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not record.name.startswith(WORKERS_OWN)


@pytest.fixture
def stdout(host: Host) -> io.StringIO:
    """The second handler of the worker of Python 3.13, which it adds at its start and keeps."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("LanguageWorkerConsoleLog %(levelname)s: %(message)s"))
    handler.addFilter(CustomerLogFilter())
    logging.getLogger().addHandler(handler)
    return stream


def run(*invocations: Awaitable[None]) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(lambda loop, coro, **options: WorkersTask(coro, loop, **options))
        for invocation in invocations:
            await asyncio.ensure_future(invocation)

    asyncio.run(main())


def test_thread_background_task_and_invocation_each_arrive_once(host: Host, console: io.StringIO) -> None:
    ended = asyncio.Event()
    background: list[asyncio.Task[None]] = []

    async def beside() -> None:
        await ended.wait()
        logger.warning("in a background task")

    async def part() -> None:
        logger.warning("in a part of the invocation")

    @worker_logs.in_invocation
    async def function() -> None:
        logger.warning("in the invocation")
        await asyncio.gather(part())
        await asyncio.to_thread(logger.warning, "in a thread")
        background.append(asyncio.create_task(beside()))

    async def later() -> None:
        ended.set()
        await background[0]
        logger.warning("outside of invocations")

    run(host.invoke("1", function), later())
    assert host.shown == ["in the invocation", "in a part of the invocation"]
    assert console.getvalue().splitlines() == [
        "WARNING tests.worker_logs: in a thread",
        "WARNING tests.worker_logs: in a background task",
        "WARNING tests.worker_logs: outside of invocations",
    ]


def test_task_of_an_ended_invocation_is_outside_while_another_one_runs(host: Host, console: io.StringIO) -> None:
    second_runs = asyncio.Event()
    background: list[asyncio.Task[None]] = []

    async def beside() -> None:
        await second_runs.wait()
        logger.warning("beside the second")

    @worker_logs.in_invocation
    async def first() -> None:
        background.append(asyncio.create_task(beside()))

    @worker_logs.in_invocation
    async def second() -> None:
        second_runs.set()
        await background[0]
        logger.warning("in the second")

    run(host.invoke("1", first), host.invoke("2", second))
    assert host.shown == ["in the second"]
    assert console.getvalue() == "WARNING tests.worker_logs: beside the second\n"


def test_record_with_traceback_is_one_line(console: io.StringIO) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logger.exception("it failed")
    (line,) = console.getvalue().splitlines()
    assert line.startswith("ERROR tests.worker_logs: it failed\\nTraceback")
    assert line.endswith("ValueError: first\\nsecond")


@pytest.mark.parametrize("own", ["azure_functions_worker", "azure.functions", "proxy_worker", "proxy_worker_errors"])
def test_records_below_the_level_and_the_workers_own_stay_away_from_stderr(
    host: Host, console: io.StringIO, own: str
) -> None:
    logger.setLevel(logging.INFO)
    logger.info("quiet")
    logging.getLogger(own).warning("the worker's own")
    logger.setLevel(logging.NOTSET)
    assert console.getvalue() == ""
    assert host.shown == ["the worker's own"]


def test_failing_function_ends_its_invocation(host: Host, console: io.StringIO) -> None:
    @worker_logs.in_invocation
    async def function() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run(host.invoke("1", function))
    logger.warning("afterwards")
    assert console.getvalue() == "WARNING tests.worker_logs: afterwards\n"


def test_nothing_is_added_where_there_is_no_worker() -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    worker_logs.install("WARNING")
    assert root.handlers == before


def test_worker_of_3_13_tells_nothing_twice(host: Host, stdout: io.StringIO, console: io.StringIO) -> None:
    """The host takes each line of a traceback on stdout for a log of its own."""

    @worker_logs.in_invocation
    async def function() -> None:
        try:
            raise ValueError("of the function")
        except ValueError:
            logger.exception("in the invocation")

    async def later() -> None:
        logger.warning("outside of invocations")

    run(host.invoke("1", function), later())
    assert host.shown == ["in the invocation"]
    assert console.getvalue() == "WARNING tests.worker_logs: outside of invocations\n"
    assert stdout.getvalue() == ""
