"""An AMQP 1.0 server connection as a state machine: bytes in, events out, bytes to send. It knows no sockets."""

from __future__ import annotations

from enum import Enum

from local.broker.amqp.errors import AmqpError, FramingError, NotAllowedError
from local.broker.amqp.events import Event
from local.broker.amqp.frames import (
    AMQP_HEADER,
    AMQP_TYPE,
    HEARTBEAT,
    SASL_HEADER,
    SASL_TYPE,
    Frame,
    FrameBuffer,
    encode_frame,
)
from local.broker.amqp.performatives import (
    Begin,
    Close,
    End,
    Error,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    read_as,
    read_composite,
)
from local.broker.amqp.session import Session
from local.broker.amqp.values import Array, Symbol

MIN_MAX_FRAME_SIZE = 512
MAX_FRAME_SIZE = 64 * 1024
CHANNEL_MAX = 255
_MECHANISMS = ("ANONYMOUS", "MSSBCBS", "PLAIN", "EXTERNAL")


class State(Enum):
    """Where the connection stands, and with it what the next bytes must be."""

    HEADER = "protocol header, SASL or AMQP"
    SASL = "sasl-init"
    AMQP_HEADER = "AMQP protocol header after SASL"
    OPENING = "open"
    OPENED = "frames"
    CLOSED = "nothing"


class Connection:
    """The server's end of one connection.

    Feed it with `receive_data`, write what `data_to_send` gives, call `connection_lost` at the end. The owner sets
    ``paused`` while the peer does not read, and then no link can send.
    """

    def __init__(self, container_id: str, max_message_size: int) -> None:
        self.container_id = container_id
        self.max_message_size = max_message_size
        self.max_outgoing_frame_size = MIN_MAX_FRAME_SIZE
        self.heartbeat_interval: float | None = None
        self.paused = False
        self.state = State.HEADER
        self._frames = FrameBuffer(MAX_FRAME_SIZE)
        self._out = bytearray()
        self._sessions: dict[int, Session] = {}

    @property
    def is_closed(self) -> bool:
        """Whether the connection is over: write what is left to send, then close the transport."""
        return self.state is State.CLOSED

    @property
    def can_send(self) -> bool:
        return not self.paused and self.state is State.OPENED

    def write(self, data: bytes) -> None:
        """Add bytes for the peer."""
        if self.state is not State.CLOSED:
            self._out += data

    def data_to_send(self) -> bytes:
        """Take the bytes that are due to the peer."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive_data(self, data: bytes) -> list[Event]:
        """Handle received bytes. A protocol error closes the connection, and its links with it."""
        self._frames.feed(data)
        events: list[Event] = []
        try:
            self._advance(events)
        except AmqpError as error:
            events += self.close(Error(error.condition, error.description))
        return events

    def heartbeat(self) -> None:
        """Send an empty frame; due every ``heartbeat_interval`` seconds, where the peer asked for that."""
        if self.state is State.OPENED:
            self.write(HEARTBEAT)

    def close(self, error: Error | None = None) -> list[Event]:
        """Close from this side."""
        if self.state in (State.OPENING, State.OPENED):
            if self.state is State.OPENING:
                self._send_open()
            self.write(encode_frame(Close(error)))
        return self.connection_lost()

    def connection_lost(self) -> list[Event]:
        """Drop all sessions and links; their events tell which."""
        events = [event for session in self._sessions.values() for event in session.close()]
        self._sessions.clear()
        self.state = State.CLOSED
        return events

    def _advance(self, events: list[Event]) -> None:
        while self.state is not State.CLOSED:
            if self.state in (State.HEADER, State.AMQP_HEADER):
                header = self._frames.take_protocol_header()
                if header is None:
                    return
                self._on_header(header)
            else:
                frame = self._frames.take_frame()
                if frame is None:
                    return
                events += self._on_frame(frame)

    def _on_header(self, header: bytes) -> None:
        if header == SASL_HEADER and self.state is State.HEADER:
            self.write(SASL_HEADER)
            mechanisms = SaslMechanisms(Array(Symbol, _MECHANISMS))
            self.write(encode_frame(mechanisms, type_=SASL_TYPE))
            self.state = State.SASL
        elif header == AMQP_HEADER:
            self.write(AMQP_HEADER)
            self.state = State.OPENING
        else:
            # The answer to a wrong header is the right one, then the end (AMQP 1.0, 2.2).
            self.write(AMQP_HEADER)
            self.state = State.CLOSED
            raise FramingError("an unsupported protocol header")

    def _on_frame(self, frame: Frame) -> list[Event]:
        if self.state is State.SASL:
            self._on_sasl(frame)
            return []
        if frame.type != AMQP_TYPE:
            raise FramingError("not an AMQP frame")
        if not frame.body:
            return []
        performative, end = read_composite(frame.body)
        if self.state is State.OPENING:
            self._on_open(performative)
            return []
        return self._on_opened(frame, performative, end)

    def _on_sasl(self, frame: Frame) -> None:
        if frame.type != SASL_TYPE:
            raise FramingError("not a SASL frame")
        # Any mechanism and any password will do: this broker listens on the loopback interface, for its owner.
        read_as(SaslInit, frame.body)
        self.write(encode_frame(SaslOutcome(0), type_=SASL_TYPE))
        self.state = State.AMQP_HEADER

    def _on_open(self, performative: object) -> None:
        if not isinstance(performative, Open):
            raise NotAllowedError("the first frame must be an open")
        self.max_outgoing_frame_size = max(MIN_MAX_FRAME_SIZE, min(performative.max_frame_size, MAX_FRAME_SIZE))
        if performative.idle_time_out:
            self.heartbeat_interval = performative.idle_time_out / 2000
        self._send_open()
        self.state = State.OPENED

    def _send_open(self) -> None:
        self.write(encode_frame(Open(self.container_id, max_frame_size=MAX_FRAME_SIZE, channel_max=CHANNEL_MAX)))

    def _on_opened(self, frame: Frame, performative: object, end: int) -> list[Event]:
        if isinstance(performative, Close):
            self.write(encode_frame(Close()))
            return self.connection_lost()
        if isinstance(performative, Begin):
            self._on_begin(frame.channel, performative)
            return []
        session = self._sessions.get(frame.channel)
        if session is None:
            # azure-servicebus still detaches links after it ended their session.
            return []
        if isinstance(performative, End):
            del self._sessions[frame.channel]
            session.send(End())
            return session.close()
        return session.receive(performative, frame.body[end:])

    def _on_begin(self, channel: int, begin: Begin) -> None:
        if channel > CHANNEL_MAX:
            raise NotAllowedError(f"a channel above {CHANNEL_MAX}", FramingError.condition)
        if channel in self._sessions:
            raise NotAllowedError("a channel that is in use")
        self._sessions[channel] = Session(self, channel, begin)
