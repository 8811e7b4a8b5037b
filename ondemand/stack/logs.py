"""The log file of a part: started afresh at every start, with the previous one kept beside it."""

import os
from pathlib import Path

TAIL_BYTES = 64 * 1024


def rotate(log: Path) -> None:
    """Move *log* to ``<name>.1``, over the one that is there."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))


def tail(log: Path, lines: int) -> str:
    """The last *lines* lines of *log*; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
