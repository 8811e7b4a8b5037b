"""The frames of a journal file: what was written at once, and counts as a whole or not at all.

A file begins with a line that names its format, then come frames: a header of 16 bytes and the payload. The header is a
marker, the payload's length and CRC-32, and the CRC-32 of these together with the file's name and the frame's place in
the file. So frames are found again behind damaged bytes, and nothing is taken for a frame that only looks like one: a
copy inside a message, or what another file left on the disk. Zeros behind the last frame are room for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple
from zlib import crc32

MAGIC = b"broker journal 2\n"
_MARKER = b"\xf7bj\xf2"
_FIND_MARKER = re.compile(re.escape(_MARKER))
_HEADER = Struct(">4sIII")
_CHECKED = Struct(">IIQ")
_CHUNK = 64 * 1024


class JournalError(Exception):
    """The journal cannot be used."""


class Span(NamedTuple):
    """Bytes of a file."""

    start: int
    end: int


def frame(payload: bytes | bytearray, name: str, at: int) -> bytes:
    """A payload as it stands in the file of this name, from ``at`` on."""
    checksum = crc32(payload)
    return b"".join((_HEADER.pack(_MARKER, len(payload), checksum, _check(len(payload), checksum, name, at)), payload))


def read_frames(data: memoryview, name: str, damaged: list[Span]) -> Iterator[Span]:
    """The payloads of a file's whole frames. What is between them and behind them goes to ``damaged``.

    Raises JournalError if it is not a journal file. Nothing is copied or allocated by what the file says.
    """
    beginning = bytes(data[: len(MAGIC)])
    if beginning != MAGIC:
        if MAGIC.startswith(beginning.rstrip(b"\0")):
            return  # the machine stopped before anything was in it
        raise JournalError(f"{name} is not a file that this version of the broker can read.")
    at = len(MAGIC)
    while at < len(data):
        payload = _frame_at(data, name, at)
        if payload is not None:
            yield payload
            at = payload.end
            continue
        after = _next_frame(data, name, at + 1)
        end = _without_zeros(data, at) if after is None else after
        if end > at:
            damaged.append(Span(at, end))
        if after is None:
            return
        at = after


def _check(length: int, checksum: int, name: str, at: int) -> int:
    return crc32(_CHECKED.pack(length, checksum, at), crc32(name.encode()))


def _frame_at(data: memoryview, name: str, at: int) -> Span | None:
    if len(data) - at < _HEADER.size:
        return None
    marker, length, checksum, check = _HEADER.unpack_from(data, at)
    start = at + _HEADER.size
    if marker != _MARKER or check != _check(length, checksum, name, at) or not 0 < length <= len(data) - start:
        return None
    return Span(start, start + length) if crc32(data[start : start + length]) == checksum else None


def _next_frame(data: memoryview, name: str, at: int) -> int | None:
    # A false marker costs the check of its header only, so nobody can make this slow with the messages he sends.
    while (marker := _FIND_MARKER.search(data, at)) is not None:
        if _frame_at(data, name, marker.start()) is not None:
            return marker.start()
        at = marker.start() + 1
    return None


def _without_zeros(data: memoryview, at: int) -> int:
    end = len(data)
    while end > at:
        start = max(at, end - _CHUNK)
        content = bytes(data[start:end]).rstrip(b"\0")
        if content:
            return start + len(content)
        end = start
    return end
