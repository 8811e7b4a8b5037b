"""What the figures were measured on."""

import os
import platform
import subprocess
import timeit
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

Machine = dict[str, str | int | float]


def describe(cores: list[int]) -> Machine:
    """Processor, cores used, memory, system, Python and how fast it is just now, and the commit that was measured."""
    return {
        "processor": _processor(),
        "cores": len(cores),
        "cores of the machine": os.cpu_count() or 0,
        "memory GiB": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "ms for a million additions": speed_ms(),
        "commit": _commit(),
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def speed_ms() -> int:
    """Of a million additions. A virtual machine's speed changes from minute to minute, and all other times with it."""
    return round(median(timeit.repeat("total += 1", "total = 0", number=1_000_000, repeat=10)) * 1000)


def _commit() -> str:
    describe_commit = ["git", "describe", "--always", "--dirty"]  # the git on the path, as everywhere
    try:
        return subprocess.run(  # noqa: S603  # no input from outside
            describe_commit, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
