"""A peer: a server from its own virtual environment, started as its documentation says."""

import asyncio
import contextlib
import os
import signal
import time
from abc import abstractmethod
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from benchmarks.serving.contenders.contender import Contender
from ondemand.stack.addresses import HOST, usable_port
from ondemand.stack.logs import tail

START_TIMEOUT = 120.0  # seconds
STOP_TIMEOUT = 15.0  # seconds
POLL_INTERVAL = 0.02  # seconds
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}


class PeerError(Exception):
    """A peer ended or never became ready; the message has the end of its log."""


class Peer(Contender):
    """A command that serves a model folder over HTTP."""

    environment: str
    """The name of its virtual environment."""
    readiness: str
    """The path that answers 200 once it is ready."""

    def __init__(self, bench: Path, model: Path) -> None:
        self._bench = bench
        self._model = model
        self._process: Process | None = None
        self._port = 0

    @abstractmethod
    def command(self, port: int) -> Sequence[str]:
        """The executable of the environment and its arguments."""

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def folder(self) -> Path:
        """A folder for what this peer needs."""
        folder = self._bench / "peers" / self.name.replace(" ", "-").replace(",", "")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def pids(self) -> Mapping[str, int]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return {self.name: self._process.pid}

    async def start(self) -> None:
        self._port = usable_port(0)
        binaries = self._bench / "venvs" / self.environment / "bin"
        executable, *arguments = self.command(self._port)
        if not (binaries / executable).is_file():
            raise PeerError(f"{self.name} is not installed; make .bench/venvs/{self.environment}/installed does that")
        path = f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(binaries / executable),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **QUIET, "PATH": path},
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            await self._until_ready(self._process)
        except BaseException:  # also a cancellation: no process stays behind
            await self.stop()
            raise

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):  # it is killed then
            async with asyncio.timeout(STOP_TIMEOUT):
                await process.wait()
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()

    async def _until_ready(self, process: Process) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < deadline and process.returncode is None:
                with contextlib.suppress(httpx.TransportError):  # it does not listen yet
                    if (await client.get(f"{self.base_url}{self.readiness}")).is_success:
                        return
                await asyncio.sleep(POLL_INTERVAL)  # nobody tells when it is ready
        raise PeerError(f"{self.name} is not ready\n{tail(self.log, 20)}")


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended
        os.killpg(leader, number)
