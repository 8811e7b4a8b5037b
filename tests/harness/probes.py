"""What a part of the stack uses, and how long it takes to answer meanwhile."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.harness.prober import Times
from tests.harness.stack import ENVIRON

MIB = 2**20


def memory_mib(pid: int) -> float:
    """Resident memory of a process now."""
    return psutil.Process(pid).memory_info().rss / MIB


@dataclass
class Growth:
    """Memory of a process in MiB: before, at its highest, and after."""

    before: float
    peak: float = 0.0
    after: float = 0.0

    @property
    def at_most(self) -> float:
        return self.peak - self.before


@asynccontextmanager
async def growth(pid: int) -> AsyncIterator[Growth]:
    """Measures from here to the end of the block. The kernel keeps the highest value, so no peak is missed."""
    process = Path(f"/proc/{pid}")
    (process / "clear_refs").write_text("5")  # sets the highest value back to the current one
    measured = Growth(memory_mib(pid))
    yield measured
    if found := re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text()):
        measured.peak = int(found[1]) / 1024
    measured.after = memory_mib(pid)


@asynccontextmanager
async def probing(url: str, body: Any, headers: Mapping[str, str]) -> AsyncIterator[Times]:
    """Probes while the block runs; the times are there after it."""
    times = Times()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.harness.prober", url, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRON
    )
    asked = json.dumps({"body": body, "headers": dict(headers)}).encode() + b"\n"
    if process.stdin is None:
        raise RuntimeError("started without a pipe")
    process.stdin.write(asked)
    try:
        yield times
    finally:
        output, _ = await process.communicate(b"")  # closes its standard input
    for name, values in json.loads(output).items():
        setattr(times, name, values)


def threads(pid: int) -> int:
    """How many threads a process has now."""
    return psutil.Process(pid).num_threads()
