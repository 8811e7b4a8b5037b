"""Hostile peers against a real broker process: each loses its own connection, and other clients do not notice."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType

import psutil
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.frames import AMQP_HEADER, SASL_HEADER, encode_frame
from servicebus_broker.amqp.performatives import Attach, Close, Detach, Flow, Open, Source, Transfer
from servicebus_broker.amqp.sections import Sections, write_message
from servicebus_broker.amqp.values import Described, Int, ULong
from servicebus_broker.limits import DEFAULT_LIMITS
from tests.integration.conftest import RunningBroker, start_broker
from tests.unit.client import HANDSHAKE, attach_receiver, attach_sender, credit, read_frames

WAIT = 60
MIB = 1024 * 1024
MAX_CONNECTIONS = 400


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A broker of its own: its memory is measured."""
    running = start_broker(tmp_path_factory.mktemp("victim"), "--memory", "--max-connections", str(MAX_CONNECTIONS))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def neighbour(victim: RunningBroker) -> "Iterator[Neighbour]":
    """A client that sends and receives all the while."""
    with Neighbour(victim) as neighbour:
        yield neighbour


@pytest.fixture(autouse=True)
def undisturbed(neighbour: "Neighbour") -> Iterator[None]:
    """The neighbour must not notice a test."""
    neighbour.wait_for_round()
    yield
    neighbour.wait_for_round()


class Neighbour:
    """An SDK client in a thread of its own, sending and receiving until it is stopped."""

    def __init__(self, broker: RunningBroker) -> None:
        self._broker = broker
        self._round_done = threading.Event()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Neighbour":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        assert self._error is None, f"the neighbour noticed: {self._error!r}"

    def wait_for_round(self) -> None:
        """Wait for a whole round that begins now."""
        for _ in range(2):
            self._round_done.clear()
            assert self._round_done.wait(WAIT), f"the neighbour is stuck, or noticed: {self._error!r}"

    def _run(self) -> None:
        try:
            with (
                ServiceBusClient.from_connection_string(self._broker.connection_string, retry_total=0) as client,
                client.get_queue_sender("plain") as sender,
                client.get_queue_receiver("plain") as receiver,
            ):
                while not self._stop.is_set():
                    sender.send_messages(ServiceBusMessage("hello"))
                    (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
                    receiver.complete_message(message)
                    self._round_done.set()
        except BaseException as error:  # noqa: BLE001  # kept for the test's thread, which raises it
            self._error = error


class Attacker:
    """A raw connection."""

    def __init__(self, broker: RunningBroker) -> None:
        port = int(broker.connection_string.split(";")[0].rpartition(":")[2])
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT)

    def __enter__(self) -> "Attacker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_to_end(self) -> bytes:
        """The bytes that the broker sends before it closes the connection."""
        data = b""
        try:
            while chunk := self.socket.recv(65536):
                data += chunk
        except ConnectionResetError:
            pass
        return data

    def read_until(self, count: int, kind: type) -> list[object]:
        """Read until there are that many frames of a kind; returns all of that kind."""
        data = b""
        while True:
            data += self.socket.recv(65536)
            found = [each for each, _ in read_frames(data) if isinstance(each, kind)]
            if len(found) >= count:
                return found


def memory(broker: RunningBroker) -> int:
    """Resident bytes of the broker."""
    return int(psutil.Process(broker.process.pid).memory_info().rss)


def assert_alive(broker: RunningBroker) -> None:
    assert broker.process.poll() is None


GARBAGE = {
    "another protocol": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": bytes(1000),
    "a frame of 4 GB": HANDSHAKE + b"\xff\xff\xff\xff\x02\x00\x00\x00",
    "a binary of 4 GB": HANDSHAKE + b"\x00\x00\x00\x10\x02\x00\x00\x01\x00\x53\x14\xb0\xff\xff\xff\xff",
    "a list of 4 billion": HANDSHAKE + b"\x00\x00\x00\x14\x02\x00\x00\x01\x00\x53\x14\xd0" + b"\xff" * 8,
    "nesting": HANDSHAKE + b"\x00\x00\xea\x68\x02\x00\x00\x01" + b"\x00" * 60_000,
    "a channel too high": HANDSHAKE + b"\x00\x00\x00\x0c\x02\x00\xff\xff\x00\x53\x11\x45",
    "SASL twice": SASL_HEADER + SASL_HEADER,
    "open twice": HANDSHAKE + HANDSHAKE[HANDSHAKE.rindex(AMQP_HEADER) + 8 :],
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_ends_its_connection(victim: RunningBroker, data: bytes) -> None:
    before = memory(victim)
    with ExitStack() as stack:
        attackers = [stack.enter_context(Attacker(victim)) for _ in range(20)]
        for attacker in attackers:
            attacker.send(data)
        answers = [attacker.read_to_end() for attacker in attackers]
    if data.startswith(HANDSHAKE):
        closes = [each for each, _ in read_frames(answers[0]) if isinstance(each, Close)]
        assert closes
        assert closes[0].error is not None
    assert memory(victim) < before + 20 * MIB
    assert_alive(victim)


def test_partial_frames_and_silence_disturb_nobody(victim: RunningBroker) -> None:
    before = memory(victim)
    with ExitStack() as stack:
        for number in range(300):
            attacker = stack.enter_context(Attacker(victim))
            attacker.send((HANDSHAKE + attach_sender("plain"))[: number % (len(HANDSHAKE) + 20)])
        assert memory(victim) < before + 50 * MIB
    assert_alive(victim)


def test_thousands_of_attach_frames_create_a_bounded_number_of_links(victim: RunningBroker) -> None:
    before = memory(victim)
    limit = DEFAULT_LIMITS.max_links
    with Attacker(victim) as attacker:
        attacker.send(HANDSHAKE)
        attacker.send(b"".join(attach_receiver("tried-twice", handle) for handle in range(limit)))
        attacker.read_until(limit, Attach)
        # Attached and detached again and again.
        again = b"".join(
            encode_frame(Detach(handle, True), channel=1) + attach_receiver("tried-twice", handle)
            for handle in range(limit)
        )
        for _ in range(5):
            attacker.send(again)
            attacker.read_until(limit, Attach)
        attacker.send(attach_sender("tried-twice", limit))
        close = [each for each, _ in read_frames(attacker.read_to_end()) if isinstance(each, Close)]
        assert close
    assert memory(victim) < before + 60 * MIB
    assert_alive(victim)


def test_connections_above_the_limit_get_an_error(victim: RunningBroker) -> None:
    limit = MAX_CONNECTIONS
    before = memory(victim)
    refused = []
    with ExitStack() as stack:
        attackers = []
        for _ in range(limit):
            attackers.append(stack.enter_context(Attacker(victim)))
            attackers[-1].send(HANDSHAKE)
            attackers[-1].read_until(1, Open)
        for _ in range(20):
            attacker = stack.enter_context(Attacker(victim))
            attacker.send(HANDSHAKE)
            refused.append(attacker.read_to_end())
        assert memory(victim) < before + 100 * MIB
        assert len(attackers) == limit
    for answer in refused:
        (close,) = [each for each, _ in read_frames(answer) if isinstance(each, Close)]
        assert close.error is not None
        assert close.error.condition == "amqp:resource-limit-exceeded"
        assert f"{limit} concurrent connections" in (close.error.description or "")
    assert_alive(victim)


def fill(broker: RunningBroker, queue: str, count: int, size: int) -> None:
    """Send messages without waiting for each."""
    body = b"\x00\x53\x75\xb0" + size.to_bytes(4, "big") + bytes(size)
    message = write_message(Sections(body=body), 0, {})
    with Attacker(broker) as sender:
        sender.send(HANDSHAKE + attach_sender(queue))
        for number in range(count):
            sender.send(encode_frame(Transfer(0, number, b"tag", 0, settled=True), message, channel=1))
        # The answer to the echo comes after all of that.
        sender.send(encode_frame(Flow(0, 1000, 0, 1000, echo=True), channel=1))
        sender.read_until(count // (1000 // 2) + 2, Flow)


def drain(broker: RunningBroker, queue: str) -> None:
    """Leave the queue empty."""
    with Attacker(broker) as receiver:
        receiver.send(HANDSHAKE + attach_receiver(queue, presettled=True) + credit(0, 2**31, drain=True, window=2**31))
        receiver.read_until(1, Flow)


@pytest.mark.parametrize("presettled", [True, False], ids=["receive and delete", "peek lock"])
def test_receiver_that_never_reads_takes_no_more_than_its_buffer(victim: RunningBroker, presettled: bool) -> None:
    fill(victim, "short-lock", 2_000, 40_000)
    before = memory(victim)
    with Attacker(victim) as attacker:
        attacker.send(HANDSHAKE + attach_receiver("short-lock", presettled=presettled))
        attacker.send(credit(0, 1_000_000, window=1_000_000))
        with Attacker(victim) as other:
            # An answer on a later connection means that the input of the first one was handled.
            other.send(HANDSHAKE + attach_sender("short-lock"))
            other.read_until(1, Attach)
        assert memory(victim) < before + 20 * MIB
        assert_alive(victim)
    drain(victim, "short-lock")


def flood(attacker: Attacker, data: bytes, megabytes: int) -> int:
    """Send until the broker reads no more; returns the number of bytes sent."""
    attacker.socket.settimeout(1)
    sent = 0
    try:
        while sent < megabytes * MIB:
            sent += attacker.socket.send(data)
    except TimeoutError:
        pass
    return sent


PEEK = encode(Described(ULong(0x74), {"operation": "com.microsoft:peek-message"})) + encode(
    Described(ULong(0x77), {"from-sequence-number": 1, "message-count": Int(1000)})
)
REQUESTS: dict[str, Callable[[], bytes]] = {
    "flows that want an answer": lambda: encode_frame(Flow(0, 1000, 0, 1000, echo=True), channel=1) * 1000,
    "rejected messages": lambda: encode_frame(Transfer(0, 0, b"tag", 0, False), b"garbage", channel=1) * 1000,
    "attach and detach": lambda: (attach_receiver("plain", 5) + encode_frame(Detach(5, True), channel=1)) * 1000,
    "peek": lambda: encode_frame(Transfer(1, 0, b"tag", 0, False), PEEK, channel=1) * 1000,
}


@pytest.mark.parametrize("requests", REQUESTS.values(), ids=REQUESTS)
def test_requests_are_not_read_while_their_answers_are_not(
    victim: RunningBroker, requests: Callable[[], bytes]
) -> None:
    fill(victim, "tried-twice", 20, 40_000)
    before = memory(victim)
    with Attacker(victim) as attacker:
        links = attach_sender("tried-twice", 0) + attach_sender("tried-twice/$management", 1)
        replies = Attach("r", 2, True, 0, 1, Source("tried-twice/$management"))
        attacker.send(HANDSHAKE + links + encode_frame(replies, channel=1) + credit(2, 10**6, window=10**6))
        attacker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert flood(attacker, requests(), 40) < 40 * MIB
        assert memory(victim) < before + 40 * MIB
        assert_alive(victim)
    drain(victim, "tried-twice")
