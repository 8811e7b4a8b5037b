"""A client of the broker without a socket, and the frames it was sent."""

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.frames import encode_frame
from servicebus_broker.amqp.performatives import Accepted, Detach, Disposition, Error, Modified, Transfer
from servicebus_broker.amqp.sections import Sections, read_sections, write_message
from servicebus_broker.amqp.values import Described, ULong
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.peer import Peer
from tests.unit.client import HANDSHAKE, read_frames


class Client:
    """A client of the broker, and the frames it was sent."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.peer: Peer = broker.connect()
        self.send(HANDSHAKE)
        self.received()

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.peer.receive_data(frame)
            self.broker.dispatch()

    def received(self) -> list[tuple[object, bytes]]:
        return read_frames(self.peer.connection.data_to_send())

    def performatives(self) -> list[object]:
        return [performative for performative, _ in self.received()]


def encoded(body: str, session: str | None = None) -> bytes:
    properties = encode(Described(ULong(0x73), [None] * 10 + [session]))
    data = encode(Described(ULong(0x75), body.encode()))
    return write_message(Sections(properties=properties, body=data), 0, {})


def transfer(delivery_id: int, payload: bytes, message_format: int = 0) -> bytes:
    return encode_frame(Transfer(0, delivery_id, b"tag", message_format, False), payload, channel=1)


def settle(delivery_id: int, outcome: Accepted | Modified) -> bytes:
    return encode_frame(Disposition(True, delivery_id, None, False, outcome), channel=1)


def body(payload: bytes) -> str:
    return read_sections(payload).body[5:].decode()


def deliveries(client: Client) -> list[str]:
    return [body(payload) for performative, payload in client.received() if isinstance(performative, Transfer)]


def refusal(client: Client) -> Error:
    """The error that ended the client's last link."""
    detach = client.performatives()[-1]
    assert isinstance(detach, Detach)
    assert detach.error is not None
    return detach.error
