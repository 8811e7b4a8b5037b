"""A client made of bytes, for the engine and the broker without a socket."""

from servicebus_broker.addresses import POLICY
from servicebus_broker.amqp.connection import Connection
from servicebus_broker.amqp.events import Event
from servicebus_broker.amqp.frames import AMQP_HEADER, SASL_HEADER, SASL_TYPE, FrameBuffer, encode_frame
from servicebus_broker.amqp.performatives import Attach, Begin, Flow, Open, SaslInit, Source, Target, read_composite
from servicebus_broker.amqp.values import Symbol

KEY = "SAS_KEY_VALUE"
HANDSHAKE = (
    SASL_HEADER
    + encode_frame(SaslInit(Symbol("PLAIN"), f"\0{POLICY}\0{KEY}".encode()), type_=SASL_TYPE)
    + AMQP_HEADER
    + encode_frame(Open("client", max_frame_size=65536))
    + encode_frame(Begin(None, 0, 1000, 1000), channel=1)
)
OPENING = AMQP_HEADER + encode_frame(Open("client", max_frame_size=65536))
ANONYMOUS = SASL_HEADER + encode_frame(SaslInit(Symbol("ANONYMOUS")), type_=SASL_TYPE) + OPENING


def receive(connection: Connection, data: bytes) -> list[Event]:
    """Give bytes to a connection; returns its events."""
    connection.receive_data(data)
    return list(connection.events())


def attach_sender(queue: str, handle: int = 0) -> bytes:
    """A client's sending link."""
    link = Attach(f"to {queue} {handle}", handle, False, 0, 0, Source("me"), Target(queue), initial_delivery_count=0)
    return encode_frame(link, channel=1)


def attach_receiver(
    queue: str, handle: int = 0, *, presettled: bool = False, filter_: dict[object, object] | None = None
) -> bytes:
    """A client's receiving link."""
    modes = (1, 0) if presettled else (0, 1)
    link = Attach(f"from {queue} {handle}", handle, True, *modes, Source(queue, filter=filter_), Target("me"))
    return encode_frame(link, channel=1)


def credit(handle: int, amount: int, *, seen: int = 0, drain: bool = False, window: int = 1000) -> bytes:
    """A flow that grants credit to a link, after ``seen`` deliveries."""
    flow = Flow(seen, window, 0, 1000, handle=handle, delivery_count=seen, link_credit=amount, drain=drain)
    return encode_frame(flow, channel=1)


def read_frames(data: bytes) -> list[tuple[object, bytes]]:
    """The performatives and payloads that a server sent, without protocol headers and SASL."""
    frames = []
    buffer = FrameBuffer(2**31)
    while data.startswith(b"AMQP"):
        data = _after_header(data)
    buffer.feed(data)
    while (frame := buffer.take_frame()) is not None:
        if frame.body:
            performative, end = read_composite(frame.body)
            frames.append((performative, frame.body[end:]))
    return frames


def _after_header(data: bytes) -> bytes:
    sasl = data.startswith(SASL_HEADER)
    data = data[8:]
    while sasl and data and not data.startswith(b"AMQP"):
        data = data[int.from_bytes(data[:4], "big") :]
    return data
