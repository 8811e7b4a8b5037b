"""Faults, injected into the running parts of a stack."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

import psutil

from ondemand.stack import Stack
from tests.harness.proxy import Proxy, port_of

HOSTS = ("predict", "run-model", "train")
PARTS = (*HOSTS, "broker", "databricks", "mlflow")


async def kill(stack: Stack, part: str) -> None:
    """End a part by SIGKILL and start it again on its data folder."""
    await stack.kill_part(part)
    await stack.start_part(part)


@contextmanager
def paused(stack: Stack, part: str) -> Iterator[None]:
    """Inside it a part and its children run no instruction: their connections stay open, and nothing answers."""
    group = stack.parts[part].pid
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


@contextmanager
def full_disk(stack: Stack, part: str) -> Iterator[None]:
    """Inside it a part cannot write to a file: the kernel refuses with EFBIG, as it would with ENOSPC."""
    processes = _tree(stack, part)
    for process in processes:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for process in _tree(stack, part):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def memory_limit(stack: Stack, part: str, more: int) -> Iterator[None]:
    """Inside it a part may not map more than *more* bytes beyond what it has: the machine is safe from it."""
    process = psutil.Process(stack.parts[part].pid)
    limit = process.memory_info().vms + more
    resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        if process.is_running():
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(process.pid, resource.RLIMIT_AS, unlimited)


@asynccontextmanager
async def altered(stack: Stack, part: str, **environ: str) -> AsyncIterator[None]:
    """Inside it a part runs with other variables: it is started again for that, and again at the end."""
    before = stack.parts[part].spec
    try:
        await _restart(stack, part, {**before.environ, **environ})
        yield
    finally:
        await _restart(stack, part, before.environ)


@asynccontextmanager
async def before_the_broker(stack: Stack) -> AsyncIterator[dict[str, Proxy]]:
    """Inside it each host reaches the broker through a proxy of its own."""
    connection = stack.addresses.servicebus_connection
    async with AsyncExitStack() as exits:
        proxies = {host: await exits.enter_async_context(Proxy(port_of(connection))) for host in HOSTS}
        changes = [
            altered(stack, host, SERVICEBUS_CONNECTION=proxy.address(connection)) for host, proxy in proxies.items()
        ]
        await asyncio.gather(*map(exits.enter_async_context, changes))
        yield proxies


async def restart(stack: Stack, part: str) -> None:
    """Stop a part as an update would, and start it again."""
    await stack.stop_part(part)
    await stack.start_part(part)


async def _restart(stack: Stack, part: str, environ: Mapping[str, str]) -> None:
    await stack.stop_part(part)
    stack.parts[part].spec = replace(stack.parts[part].spec, environ=environ)
    await stack.start_part(part)


def _tree(stack: Stack, part: str) -> list[psutil.Process]:
    root = psutil.Process(stack.parts[part].pid)
    return [root, *root.children(recursive=True)]


async def for_seconds(seconds: float) -> None:
    """How long a fault lasts."""
    await asyncio.sleep(seconds)
