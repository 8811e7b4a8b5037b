"""Counting AMQP 1.0 frames in a stream of bytes, by performative."""

from collections import Counter

PERFORMATIVES = {
    0x10: "open", 0x11: "begin", 0x12: "attach", 0x13: "flow", 0x14: "transfer", 0x15: "disposition", 0x16: "detach",
    0x17: "end", 0x18: "close",
}  # fmt: skip
HEADER = b"AMQP"
HEADER_SIZE = 8
AMQP_TYPE = 0
SMALL_ULONG = 0x53


class FrameCounter:
    """Feed it what one side of a connection sends; frames are added to *counts*, empty ones as keep-alive."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._buffer = bytearray()

    def __call__(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEADER_SIZE:
            size = HEADER_SIZE if self._buffer.startswith(HEADER) else int.from_bytes(self._buffer[:4])
            if len(self._buffer) < size:
                return
            if not self._buffer.startswith(HEADER):
                self._count(bytes(self._buffer[:size]))
            del self._buffer[:size]

    def _count(self, frame: bytes) -> None:
        if frame[5] != AMQP_TYPE:
            return  # SASL
        body = frame[4 * frame[4] :]
        self._counts["frames"] += 1
        self._counts[_performative(body)] += 1


def _performative(body: bytes) -> str:
    """The name of the described type a frame's body begins with."""
    if not body:
        return "keep-alive"
    code = body[2] if body[1] == SMALL_ULONG else int.from_bytes(body[2:10])
    return PERFORMATIVES.get(code, "unknown")
