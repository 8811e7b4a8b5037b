"""An AMQP 1.0 server connection as a state machine: bytes in, events out, bytes to send. It has no sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from servicebus_broker.amqp.errors import AmqpError, FramingError, NotAllowedError, UnauthorizedAccessError
from servicebus_broker.amqp.events import Event
from servicebus_broker.amqp.frames import (
    AMQP_HEADER,
    AMQP_TYPE,
    HEARTBEAT,
    SASL_HEADER,
    SASL_TYPE,
    Frame,
    FrameBuffer,
    encode_frame,
)
from servicebus_broker.amqp.link import Link
from servicebus_broker.amqp.performatives import (
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
from servicebus_broker.amqp.session import Session
from servicebus_broker.amqp.totals import IncompleteBytes, Totals
from servicebus_broker.amqp.values import Array, Symbol
from servicebus_broker.limits import Limits

MIN_MAX_FRAME_SIZE = 512
_PLAIN = "PLAIN"
# With the first two, a client proves who it is after it has opened the connection.
_MECHANISMS = ("ANONYMOUS", "MSSBCBS", _PLAIN)
_SASL_OK, _SASL_AUTH = 0, 1

Login = Callable[[str, str], bool]
"""Whether a user has a password."""


class State(Enum):
    """The state of the connection; the value names the bytes that it expects next."""

    HEADER = "protocol header, SASL or AMQP"
    SASL = "sasl-init"
    AMQP_HEADER = "AMQP protocol header after SASL"
    OPENING = "open"
    OPENED = "frames"
    CLOSED = "nothing"


class Connection:
    """The server's end of one connection.

    Feed it with `receive_data`, handle its `events`, write the bytes of `data_to_send`, call `connection_lost` at the
    end. The owner sets ``paused`` while the peer does not read. With ``refusal``, the peer is told that error as soon
    as it opens the connection, and the connection closes. ``is_logged_in`` is whether it gave a right password.
    """

    def __init__(
        self,
        container_id: str,
        limits: Limits,
        refusal: Error | None = None,
        login: Login = lambda user, password: True,
        totals: Totals | None = None,
    ) -> None:
        self.container_id = container_id
        self.limits = limits
        self.max_outgoing_frame_size = MIN_MAX_FRAME_SIZE
        self.heartbeat_interval: float | None = None
        self.paused = False
        self.state = State.HEADER
        self.fault: Error | None = None
        self.has_more = False
        self.totals = totals or Totals(limits)
        self.incomplete = IncompleteBytes(limits.max_incomplete_bytes, self.totals)
        self.is_logged_in = False
        self._refusal = refusal
        self._login = login
        self._frames = FrameBuffer(min(limits.max_first_frame_size, limits.max_frame_size))
        self._out = bytearray()
        self._sessions: dict[int, Session] = {}

    @property
    def is_open(self) -> bool:
        """Whether both sides opened it."""
        return self.state is State.OPENED

    @property
    def is_closed(self) -> bool:
        """Whether the connection is over: write the bytes that are left, then close the transport.

        ``fault`` is the peer's protocol error, if there was one.
        """
        return self.state is State.CLOSED

    @property
    def is_backed_up(self) -> bool:
        """Whether the peer has to read before more frames are handled or sent."""
        return self.paused or len(self._out) >= self.limits.max_output

    @property
    def can_send(self) -> bool:
        return self.state is State.OPENED and not self.is_backed_up

    def write(self, data: bytes) -> None:
        """Add bytes for the peer."""
        if self.state is not State.CLOSED:
            self._out += data

    def data_to_send(self) -> bytes:
        """Take the bytes for the peer."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive_data(self, data: bytes) -> None:
        """Add received bytes; `events` handles them."""
        self._frames.feed(data)

    def events(self) -> Iterator[Event]:
        """Handle received bytes, frame by frame. A protocol error closes the connection, and its links with it.

        Stops at the last whole frame, or earlier to let the peer read or to give other connections a turn; then
        ``has_more``.
        """
        for _ in range(self.limits.frames_per_turn):
            self.has_more = not self.is_closed
            if self.is_closed or self.is_backed_up:
                return
            try:
                events = self._next()
            except AmqpError as error:
                self.fault = Error(error.condition, error.description)
                events = self.close(self.fault)
            if events is None:
                self.has_more = False
                return
            yield from events

    def heartbeat(self) -> None:
        """Send an empty frame; due every ``heartbeat_interval`` seconds, if the peer asked for heartbeats."""
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
        """Drop all sessions and links; returns their events."""
        events = [event for session in self._sessions.values() for event in session.close()]
        self.totals.sessions.used -= len(self._sessions)
        self._sessions.clear()
        self.state = State.CLOSED
        return events

    def _next(self) -> list[Event] | None:
        """Handle the next frame or header; None if it is not here yet."""
        if self.state in (State.HEADER, State.AMQP_HEADER):
            header = self._frames.take_protocol_header()
            if header is None:
                return None
            self._on_header(header)
            return []
        frame = self._frames.take_frame()
        return None if frame is None else self._on_frame(frame)

    def link_count(self) -> int:
        """The number of links in all sessions."""
        return sum(len(session.links) for session in self._sessions.values())

    def live_link(self, name: str, kind: type[Link]) -> Link | None:
        """The link of a name and direction that is not being closed."""
        for session in self._sessions.values():
            for link in session.links.values():
                if link.name == name and type(link) is kind and link.is_live:
                    return link
        return None

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
            # A wrong header is answered by the supported one, then the connection closes (AMQP 1.0, 2.2).
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
            return self._on_open(performative)
        return self._on_opened(frame, performative, end)

    def _on_sasl(self, frame: Frame) -> None:
        if frame.type != SASL_TYPE:
            raise FramingError("not a SASL frame")
        init, _ = read_as(SaslInit, frame.body)
        if init.mechanism == _PLAIN:
            self.is_logged_in = self._login(*_user_and_password(init.initial_response or b""))
        if init.mechanism not in _MECHANISMS or (init.mechanism == _PLAIN and not self.is_logged_in):
            self.write(encode_frame(SaslOutcome(_SASL_AUTH), type_=SASL_TYPE))
            raise UnauthorizedAccessError(f"SASL {init.mechanism[:20]!r}: a wrong user, password or mechanism")
        self.write(encode_frame(SaslOutcome(_SASL_OK), type_=SASL_TYPE))
        self.state = State.AMQP_HEADER

    def _on_open(self, performative: object) -> list[Event]:
        if not isinstance(performative, Open):
            raise NotAllowedError("the first frame must be an open")
        limits = self.limits
        self.max_outgoing_frame_size = max(MIN_MAX_FRAME_SIZE, min(performative.max_frame_size, limits.max_frame_size))
        if performative.idle_time_out:
            self.heartbeat_interval = performative.idle_time_out / 2000
            if self.heartbeat_interval < limits.min_heartbeat_interval:
                raise NotAllowedError(f"an idle time-out of {performative.idle_time_out} ms is too short")
        self._send_open()
        self.state = State.OPENED
        self._frames.max_frame_size = limits.max_frame_size
        return self.close(self._refusal) if self._refusal else []

    def _send_open(self) -> None:
        limits = self.limits
        self.write(
            encode_frame(
                Open(
                    self.container_id,
                    max_frame_size=limits.max_frame_size,
                    channel_max=limits.channel_max,
                    # A peer advertises half of its real time-out (AMQP 1.0, 2.4.5).
                    idle_time_out=int(limits.idle_timeout * 500),
                )
            )
        )

    def _on_opened(self, frame: Frame, performative: object, end: int) -> list[Event]:
        if isinstance(performative, Close):
            self.write(encode_frame(Close()))
            return self.connection_lost()
        if isinstance(performative, Begin):
            self._on_begin(frame.channel, performative)
            return []
        session = self._sessions.get(frame.channel)
        if session is None:
            # azure-servicebus detaches links after it has ended their session.
            return []
        if isinstance(performative, End):
            del self._sessions[frame.channel]
            self.totals.sessions.used -= 1
            session.send(End())
            return session.close()
        return session.receive(performative, frame.body[end:])

    def _on_begin(self, channel: int, begin: Begin) -> None:
        if channel > self.limits.channel_max:
            raise NotAllowedError(f"a channel above {self.limits.channel_max}", FramingError.condition)
        if channel in self._sessions:
            raise NotAllowedError("a channel that is in use")
        self.totals.sessions.check_room()
        self.totals.sessions.used += 1
        self._sessions[channel] = Session(self, channel, begin)


def _user_and_password(response: bytes) -> tuple[str, str]:
    """Of the form ``[authorisation identity] NUL user NUL password`` (RFC 4616)."""
    _, _, credentials = response.partition(b"\0")
    user, _, password = credentials.partition(b"\0")
    return user.decode(errors="replace"), password.decode(errors="replace")
