"""The log file of a part: started afresh at every start, with the previous one kept beside it."""

import os
from pathlib import Path
from typing import BinaryIO

TAIL_BYTES = 64 * 1024


def open_fresh(log: Path) -> BinaryIO:
    """Open *log* for its owner alone; the previous one becomes ``<name>.1``, over the one that is there."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    return open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))


def tail(log: Path, lines: int) -> str:
    """The last *lines* lines of *log*; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
