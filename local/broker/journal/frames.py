"""The frames of a journal file: length and CRC-32 of the payload (4 bytes each, big-endian), then the payload.

A frame is what was written at once, and counts as a whole or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from zlib import crc32

logger = logging.getLogger(__name__)

MAGIC = b"broker journal 1\n"
_HEADER = Struct(">II")


class JournalError(Exception):
    """The journal cannot be used."""


def frame(payload: bytes | bytearray) -> bytes:
    """A payload as it stands in the file."""
    return _HEADER.pack(len(payload), crc32(payload)) + payload


def read_frames(path: Path) -> Iterator[bytes]:
    """The payloads of a file up to its end or its first damaged frame. Raises JournalError if it is no journal."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise JournalError(f"{path} is not a journal that this version of the broker can read.")
        whole = file.tell()
        while whole < size:
            header = file.read(_HEADER.size)
            length, checksum = _HEADER.unpack(header) if len(header) == _HEADER.size else (0, None)
            payload = file.read(length) if length <= size - whole else b""
            if crc32(payload) != checksum or not payload:
                logger.warning(
                    "%s ends with %d bytes that are damaged or incomplete; they are cut off.", path, size - whole
                )
                return
            yield payload
            whole = file.tell()
