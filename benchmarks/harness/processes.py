"""Processes as a whole: pinned to the same cores, their CPU time and their memory."""

from collections.abc import Iterable, Mapping

import psutil

Cpu = dict[str, float]
"""CPU seconds by name of a part."""


def pin(cores: Iterable[int]) -> None:
    """Run this process, and all that it will start, on these cores only."""
    psutil.Process().cpu_affinity(list(cores))


def tree(pid: int) -> list[psutil.Process]:
    """The process and its descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of its descendants that are alive."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in tree(pid)))


def cpu_by_part(pids: Mapping[str, int]) -> Cpu:
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


def cpu_between(before: Cpu, after: Cpu) -> Cpu:
    return {name: after[name] - before[name] for name in after}


def resident_bytes(pid: int) -> int:
    """Memory of a process and its descendants. Pages that they share are counted once (proportional set size)."""
    return sum(process.memory_full_info().pss for process in tree(pid))
