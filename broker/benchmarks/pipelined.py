"""A client without the SDK: frames on a blocking socket, without waiting for an answer before the next message."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType

from benchmarks.process import Sample, ServerProcess, metered
from servicebus_broker.addresses import POLICY
from servicebus_broker.amqp.frames import AMQP_HEADER, SASL_HEADER, SASL_TYPE, FrameBuffer, encode_frame
from servicebus_broker.amqp.performatives import (
    Accepted,
    Attach,
    Begin,
    Disposition,
    Flow,
    Open,
    SaslInit,
    Source,
    Target,
    Transfer,
    read_as,
)
from servicebus_broker.amqp.sections import Sections, write_message
from servicebus_broker.amqp.values import Symbol

QUEUE = "work"
BODY = b"\x00\x53\x75\xb0\x00\x00\x04\x00" + b"x" * 1024
TIMEOUT = 60.0
WINDOW = 2**31 - 1
CREDIT = 1000
MAX_FRAME_SIZE = 65536
_FLOW, _TRANSFER, _DISPOSITION = 0x13, 0x14, 0x15
_SENDER, _RECEIVER = 0, 1


class PipelinedClient:
    """One connection with a sender (handle 0) and a receiver (handle 1), which gets credit in `receive`."""

    def __init__(self, port: int, key: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._frames = FrameBuffer(MAX_FRAME_SIZE)
        self._delivery_count = 0
        self._limit = 0  # of messages sent, as granted
        self._sent = 0
        self._accepted = 0
        self._received: list[int] = []
        self._confirmed = 0
        self._handshake(f"\0{POLICY}\0{key}".encode())

    def __enter__(self) -> PipelinedClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, count: int) -> None:
        """Returns once all are accepted."""
        message = write_message(Sections(body=BODY), 0, {})
        first, until = self._sent, self._sent + count
        frames = [
            encode_frame(Transfer(_SENDER, number, number.to_bytes(8, "big"), 0, False), message, channel=1)
            for number in range(first, until)
        ]
        while self._accepted < until:
            take = min(self._limit, until) - self._sent
            if take > 0:
                at = self._sent - first
                self._socket.sendall(b"".join(frames[at : at + take]))
                self._sent += take
            self._read()

    def receive(self, count: int) -> None:
        """Receive and complete; returns once every completion is confirmed."""
        confirmed = self._confirmed + count
        remaining = count
        out = [self._grant(min(CREDIT, remaining))]
        seen = 0
        while self._confirmed < confirmed:
            if out:
                self._socket.sendall(b"".join(out))
            self._read()
            out = [self._complete(delivery) for delivery in self._received]
            seen += len(out)
            remaining -= len(out)
            self._delivery_count += len(out)
            self._received.clear()
            if seen >= CREDIT // 2 and remaining:
                out.append(self._grant(min(CREDIT, remaining)))
                seen = 0

    def _handshake(self, password: bytes) -> None:
        self._socket.sendall(
            SASL_HEADER
            + encode_frame(SaslInit(Symbol("PLAIN"), password), type_=SASL_TYPE)
            + AMQP_HEADER
            + encode_frame(Open("benchmark", max_frame_size=MAX_FRAME_SIZE))
            + encode_frame(Begin(None, 0, WINDOW, WINDOW), channel=1)
            + self._attach(Attach("s", _SENDER, False, 0, 0, Source("me"), Target(QUEUE), initial_delivery_count=0))
            + self._attach(Attach("r", _RECEIVER, True, 0, 1, Source(QUEUE), Target("me")))
        )
        # The protocol header and two frames of SASL, then the header of AMQP; after that, frames only.
        self._take(self._frames.take_protocol_header)
        self._take(self._frames.take_frame)
        self._take(self._frames.take_frame)
        self._take(self._frames.take_protocol_header)
        self._handle_frames()
        while self._limit == 0:
            self._read()

    def _take(self, take: Callable[[], object | None]) -> None:
        while take() is None:
            self._feed()

    @staticmethod
    def _attach(attach: Attach) -> bytes:
        return encode_frame(attach, channel=1)

    def _grant(self, credit: int) -> bytes:
        flow = Flow(0, WINDOW, 0, WINDOW, handle=_RECEIVER, delivery_count=self._delivery_count, link_credit=credit)
        return encode_frame(flow, channel=1)

    @staticmethod
    def _complete(delivery_id: int) -> bytes:
        return encode_frame(Disposition(role=True, first=delivery_id, state=Accepted()), channel=1)

    def _feed(self) -> None:
        data = self._socket.recv(1 << 20)
        if not data:
            raise RuntimeError("the server closed the connection")
        self._frames.feed(data)

    def _read(self) -> None:
        self._feed()
        self._handle_frames()

    def _handle_frames(self) -> None:
        """Decode only the frames that matter."""
        while (frame := self._frames.take_frame()) is not None:
            kind = frame.body[2] if frame.body else None
            if kind == _DISPOSITION:
                disposition, _ = read_as(Disposition, frame.body)
                count = (disposition.last or disposition.first) - disposition.first + 1
                if disposition.role:
                    self._accepted += count
                else:
                    self._confirmed += count
            elif kind == _TRANSFER:
                transfer, _ = read_as(Transfer, frame.body)
                self._received.append(transfer.delivery_id or 0)
            elif kind == _FLOW:
                flow, _ = read_as(Flow, frame.body)
                if flow.handle == _SENDER:
                    self._limit = (flow.delivery_count or 0) + (flow.link_credit or 0)


def measure(server: ServerProcess, count: int, sample: Sample) -> None:
    """Add ``raw_send`` and ``raw_receive`` (with completion)."""
    with PipelinedClient(server.port, server.key) as client:
        with metered(sample, "raw_send", count, server):
            client.send(count)
        with metered(sample, "raw_receive", count, server):
            client.receive(count)
