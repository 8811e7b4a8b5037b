"""The frames of a journal file: one write each, which counts as a whole or not at all.

A file begins with a line that names its format; frames follow: a header of 16 bytes and the payload. The header is a
marker, the payload's length and CRC-32, and the CRC-32 of these together with the file's name and the frame's position.
So frames are found again after damaged bytes, and a copy of a frame inside a message, or of another file on the disk,
is not taken for a frame. Zeros after the last frame are reserved room.
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
    """The frame of a payload at position ``at`` of the file of this name."""
    checksum = crc32(payload)
    return b"".join((_HEADER.pack(_MARKER, len(payload), checksum, _check(len(payload), checksum, name, at)), payload))


def read_frames(data: memoryview, name: str, damaged: list[Span]) -> Iterator[Span]:
    """The payloads of a file's whole frames. The bytes between and after them go to ``damaged``.

    Raises JournalError if it is not a journal file. No length in the file is trusted for copying or allocating.
    """
    beginning = bytes(data[: len(MAGIC)])
    if beginning != MAGIC:
        if MAGIC.startswith(beginning.rstrip(b"\0")):
            return  # the machine stopped before the first write
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
    # A false marker costs only the check of its header, so messages full of markers do not make this slow.
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
