"""The broker as a process: event loop, signals, readiness."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from servicebus_broker import lifetime
from servicebus_broker.addresses import connection_string
from servicebus_broker.banner import banner
from servicebus_broker.clock import SystemClock
from servicebus_broker.journal.fsync import Fsync
from servicebus_broker.journal.journal import Journal
from servicebus_broker.key_file import key_in, new_key
from servicebus_broker.limits import Limits
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.server import Server
from servicebus_broker.service.broker import MAX_QUEUES, Broker
from servicebus_broker.service.shared_key import SharedKey


class StartError(Exception):
    """The broker cannot start, because of a port for example; the message says why."""


@dataclass(frozen=True)
class Options:
    """The command line. Port 0 is any free one.

    Without ``data``, everything is kept in memory; without ``https_port``, there is no administration. ``certificate``
    is the file that its certificate is written to, in the data folder unless given. ``key`` is what clients have to
    know; without it the one of the data folder, or a new one.
    """

    host: str
    port: int
    queues: list[QueueSettings]
    data: Path | None
    fsync: Fsync
    https_port: int | None
    certificate: Path | None
    key: str | None
    max_connections: int
    keep_session_locks: bool
    end_with_parent: bool


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. Raises StartError, JournalError and DiskFailedError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Twice: a connection above the limit is open for a moment too. The rest is for the journal.
    _allow_files(2 * options.max_connections + 100)
    key = options.key or _stored_key(options)
    server = _durable_server(options, options.data, key) if options.data else _server_in_memory(options, key)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(server, options, key))


def _stored_key(options: Options) -> str:
    if options.data is None:
        return new_key()
    try:
        return key_in(options.data)
    except OSError as error:
        raise StartError(f"there can be no key in {options.data}: {_reason(error)}") from error


def _server_in_memory(options: Options, key: str) -> Server:
    clock = SystemClock()
    _check_number(options.queues)
    return Server(Broker(options.queues, clock, _limits(options), SharedKey(key, clock), options.keep_session_locks))


def _durable_server(options: Options, folder: Path, key: str) -> Server:
    clock = SystemClock()
    journal = Journal(folder, options.queues, clock, fsync=options.fsync)
    clock.not_before(journal.last_time)
    _check_number(journal.defined())
    shared_key = SharedKey(key, clock)
    broker = Broker(journal.defined(), clock, _limits(options), shared_key, options.keep_session_locks)
    journal.restore(broker.queues())
    broker.record_to(journal)
    return Server(broker, journal)


def _check_number(queues: list[QueueSettings]) -> None:
    """Raises StartError."""
    if len(queues) > MAX_QUEUES:
        raise StartError(
            f"{len(queues)} queues are configured, or are in the data folder and not empty; this broker holds "
            f"{MAX_QUEUES} at most"
        )


def _limits(options: Options) -> Limits:
    return Limits(max_connections=options.max_connections)


def _allow_files(count: int) -> None:
    """Raise this process's limit of open files to ``count``, as far as the hard limit allows."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(server: Server, options: Options, key: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    try:
        port = await server.start(options.host, options.port)
    except OSError as error:
        raise StartError(f"cannot listen on {options.host}:{options.port}: {_reason(error)}") from error
    if options.end_with_parent:
        lifetime.end_with_parent()
    try:
        async with _administration(server, options, key) as administration:
            addresses = {"connection_string": connection_string(options.host, port, key), **administration}
            lifetime.announce_ready(**addresses)
            if sys.stdout.isatty():
                names = [entity.queue.name for entity in server.broker.entities()]
                print(banner(addresses, names, options.data, options.fsync), flush=True)
            await _stop_or_failure(stop, server)
    finally:
        await server.stop()


async def _stop_or_failure(stop: asyncio.Event, server: Server) -> None:
    """Raises DiskFailedError."""
    stopping, failing = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(server.failure())
    done, pending = await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    await asyncio.gather(*done)


@asynccontextmanager
async def _administration(server: Server, options: Options, key: str) -> AsyncIterator[dict[str, str]]:
    if options.https_port is None:
        yield {}
        return
    # Imported here: it is half of the start time, which a broker without administration saves.
    from servicebus_broker.administration.endpoint import serve_administration

    async def commit() -> bool:
        await server.committed()
        return True

    serving = serve_administration(
        server.broker,
        commit,
        options.host,
        options.https_port,
        key,
        folder=options.data,
        certificate=options.certificate,
        use_identity=server.offer_tls,
    )
    async with AsyncExitStack() as stack:
        try:
            endpoint = await stack.enter_async_context(serving)
        except OSError as error:
            # After a failed rename, the second name is the target.
            where_to = error.filename2 or error.filename or f"{options.host}:{options.https_port}"
            raise StartError(f"cannot serve administration on {where_to}: {_reason(error)}") from error
        yield asdict(endpoint)


def _reason(error: OSError) -> str:
    # uvloop replaces the text of the error by one of its own.
    return os.strerror(error.errno) if error.errno else str(error)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Event loops of uvloop, which need a third less CPU; None on Windows, where it is not available."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
