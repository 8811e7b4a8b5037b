"""One part of the stack: a child process that says on standard output when it serves."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ondemand.stack.logs import open_fresh, tail

START_TIMEOUT_S = 120.0  # a cold MLflow on a busy machine takes most of a minute
STOP_TIMEOUT_S = 15.0  # between SIGTERM and SIGKILL
TAIL_LINES = 15


class PartError(Exception):
    """A part ended by itself or never served; the message has its exit status and the end of its log."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        super().__init__(f"{name} {reason}\n{tail(log, TAIL_LINES)}\n(the whole log: {log})")
        self.name = name
        self.reason = reason
        self.log = log


@dataclass(frozen=True)
class PartSpec:
    """The command of a part: the arguments of ``python -m``, and its whole environment."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    environ: Mapping[str, str]


class Part:
    """A child process in its own session, so that a terminal's Ctrl-C reaches only the supervisor.

    It holds the read end of a pipe as standard input and ends when that closes: no part outlives the supervisor.
    """

    def __init__(self, spec: PartSpec, root: Path, on_death: Callable[[PartError], None]) -> None:
        self.spec = spec
        self.addresses: dict[str, str] = {}
        self._root = root
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._expected_to_end = False

    @property
    def pid(self) -> int:
        """The process id; raises RuntimeError before the part was started."""
        if self._process is None:
            raise RuntimeError(f"{self.spec.name} was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process and return once it serves; raise PartError if it does not."""
        self._expected_to_end = False
        self._process = process = await self._spawn()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self.addresses = await self._ready_line(process)
        except TimeoutError:
            await self.kill()
            raise PartError(self.spec.name, f"did not serve within {START_TIMEOUT_S:.0f} s", self.spec.log) from None
        self._watch = asyncio.create_task(self._until_it_ends(process))

    async def stop(self) -> None:
        """End the process by SIGTERM, and by SIGKILL if it has not ended after a while."""
        self._expected_to_end = True
        if self._process is None:
            return
        if self.is_running:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):  # it is killed then
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End the process and its children by SIGKILL."""
        self._expected_to_end = True
        if self._process is None:
            return
        # The group outlives its leader as long as a child of it runs, and its id is not given to another meanwhile.
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._watch is not None:
            await self._watch
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def kill_now(self) -> None:
        """Send SIGKILL without waiting."""
        self._expected_to_end = True
        if self.is_running:
            self._signal(signal.SIGKILL)

    async def _spawn(self) -> asyncio.subprocess.Process:
        with open_fresh(self.spec.log) as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self.spec.arguments,
                "--end-with-parent",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=dict(self.spec.environ),
                cwd=self._root,
                start_new_session=True,
                preexec_fn=_write_for_nobody_else,
            )

    async def _ready_line(self, process: asyncio.subprocess.Process) -> dict[str, str]:
        async for line in _stdout(process):
            if line.startswith(b"ready "):
                addresses: dict[str, str] = json.loads(line.removeprefix(b"ready "))
                return addresses
        raise PartError(self.spec.name, f"ended with {_status(await process.wait())} while starting", self.spec.log)

    async def _until_it_ends(self, process: asyncio.subprocess.Process) -> None:
        while await _stdout(process).read(65536):
            pass  # later output of the part must not fill the pipe
        status = await process.wait()
        if not self._expected_to_end:
            self._on_death(PartError(self.spec.name, f"ended with {_status(status)}", self.spec.log))

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.kill(self.pid, number)


def _write_for_nobody_else() -> None:
    """In the child, before it begins: uvloop, by which the benchmarks run, knows no argument ``umask``."""
    os.umask(0o077)


def _stdout(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise RuntimeError("started without a pipe")
    return process.stdout


def _status(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
