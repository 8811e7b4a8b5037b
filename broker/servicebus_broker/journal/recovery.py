"""Reads a journal's folder when the broker starts.

A damaged or torn end is cut off after the last whole frame: a crash in the middle of a write leaves such an end. Damage
before whole frames is skipped, and the frames after it count: then a message may be missing, or may be there again
though it was completed, but only as far as the damaged bytes said so. In both cases the log says how many bytes were
damaged, and a file beside the journal keeps them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from servicebus_broker.journal.files import Files, forget, list_files, map_file
from servicebus_broker.journal.frames import MAGIC, Span, read_frames
from servicebus_broker.journal.replay import Replay

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """``end`` is the end of the last file's last whole frame, ``size`` the bytes of all files up to there."""

    replay: Replay
    files: Files
    end: int
    size: int
    is_damaged: bool


def recover(folder: Path) -> Recovered:
    """Read the folder, and change nothing in it except for a copy of damaged bytes. Raises JournalError and OSError."""
    files = list_files(folder)
    replay = Replay()
    end = size = 0
    is_damaged = False
    for path in files.live:
        data = map_file(path)
        replay.sources.add(data)
        damaged: list[Span] = []
        end = min(len(MAGIC), len(data))
        for payload in read_frames(data, path.name, damaged):
            replay.apply(data, payload)
            end = payload.end
        forget(data)
        size += end
        for span in damaged:
            is_damaged = True
            _keep(path, data, span, is_tail=span.start >= end)
    if replay.orphans:
        logger.warning("%s: %d changes referred to the damaged bytes and were ignored.", folder, replay.orphans)
    return Recovered(replay, files, end, size, is_damaged)


def _keep(path: Path, data: memoryview, span: Span, *, is_tail: bool) -> None:
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = path.with_name(f"journal.damaged-{time}")
    try:
        kept.write_bytes(data[span.start : span.end])
    except OSError as error:
        logger.warning("The damaged bytes cannot be kept in %s: %s", kept, error)
    logger.warning(
        "%s %s %d bytes that are damaged or incomplete, from byte %d on; they are %s. A copy is in %s.",
        path,
        "ends with" if is_tail else "has",
        span.end - span.start,
        span.start,
        "cut off" if is_tail else "skipped, and what comes after them counts",
        kept,
    )
