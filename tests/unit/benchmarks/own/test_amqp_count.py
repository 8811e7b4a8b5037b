from collections import Counter

from benchmarks.own.amqp_count import FrameCounter

HEADER = b"AMQP\x00\x01\x00\x00"


def frame(body: bytes, kind: int = 0) -> bytes:
    return (8 + len(body)).to_bytes(4) + bytes([2, kind, 0, 0]) + body


TRANSFER = frame(b"\x00\x53\x14\xc0\x03\x01payload")
DISPOSITION = frame(b"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x15\x45")
KEEP_ALIVE = frame(b"")
SASL = b"AMQP\x03\x01\x00\x00" + frame(b"\x00\x53\x41\x45", kind=1)
STREAM = SASL + HEADER + TRANSFER + KEEP_ALIVE + TRANSFER + DISPOSITION
COUNTS = {"transfer": 2, "disposition": 1, "keep-alive": 1, "frames": 4}


def test_frames_are_counted_by_performative() -> None:
    counts: Counter[str] = Counter()
    FrameCounter(counts)(STREAM)
    assert counts == COUNTS


def test_however_the_stream_is_cut() -> None:
    counts: Counter[str] = Counter()
    counter = FrameCounter(counts)
    for at in range(len(STREAM)):
        counter(STREAM[at : at + 1])
    assert counts == COUNTS
