"""Management requests and settling with properties that the Python SDK does not send, by a client made of bytes."""

from uuid import UUID

import pytest

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.frames import encode_frame
from servicebus_broker.amqp.performatives import Detach, Disposition, Error, Modified, Outcome, Rejected, Transfer
from servicebus_broker.amqp.sections import (
    entry_value,
    read_application_properties,
    read_sections,
    read_value_body,
)
from servicebus_broker.amqp.values import Array, Described, Int, Symbol, ULong
from servicebus_broker.limits import Limits
from servicebus_broker.service.broker import Broker
from tests.unit.client import attach_receiver, attach_sender, credit
from tests.unit.conftest import QUEUES
from tests.unit.peers import Client, body, deliveries, encoded, transfer
from tests.unit.queues.conftest import FakeClock

SESSION_FILTER = Symbol("com.microsoft:session-filter")
REQUESTS, REPLIES, MESSAGES = 10, 11, 0


class Manager(Client):
    """A client with the management of a queue, and a receiver of it."""

    def __init__(self, broker: Broker, queue: str) -> None:
        super().__init__(broker)
        self._requests = 0
        self.send(attach_sender(f"{queue}/$management", REQUESTS), attach_receiver(f"{queue}/$management", REPLIES))
        self.send(credit(REPLIES, 1000))
        self.received()

    def ask(self, operation: str, **fields: object) -> tuple[dict[object, object], object]:
        """The application properties and the body of the answer."""
        request = (
            encode(Described(ULong(0x73), [ULong(self._requests)]))
            + encode(Described(ULong(0x74), {"operation": f"com.microsoft:{operation}"}))
            + encode(Described(ULong(0x77), {key.replace("_", "-"): value for key, value in fields.items()}))
        )
        frame = Transfer(REQUESTS, self._requests, b"tag", 0, False)
        self._requests += 1
        self.send(encode_frame(frame, request, channel=1))
        (answer,) = [payload for each, payload in self.received() if isinstance(each, Transfer)]
        sections = read_sections(answer)
        assert sections.correlation_id == self._requests - 1
        return read_application_properties(sections), read_value_body(sections)

    def receive(self, queue: str, filter_: dict[object, object] | None = None) -> tuple[int, UUID]:
        """Delivery id and lock token of the next message."""
        self.send(attach_receiver(queue, MESSAGES, filter_=filter_), credit(MESSAGES, 1))
        (delivery,) = [each for each in self.performatives() if isinstance(each, Transfer)]
        assert delivery.delivery_id is not None
        assert delivery.delivery_tag is not None
        return delivery.delivery_id, UUID(bytes_le=delivery.delivery_tag)


def put(broker: Broker, queue: str, *messages: bytes) -> None:
    sender = Client(broker)
    sender.send(attach_sender(queue), *(transfer(number, message) for number, message in enumerate(messages)))


def take(broker: Broker, queue: str) -> tuple[str, dict[object, object]]:
    """The next message as a new client gets it: body and application properties."""
    client = Client(broker)
    client.send(attach_receiver(queue, presettled=True), credit(0, 1))
    (payload,) = [payload for each, payload in client.received() if isinstance(each, Transfer)]
    return body(payload), read_application_properties(read_sections(payload))


@pytest.mark.parametrize(
    ("outcome", "queue"),
    [
        (Modified(True, False, {Symbol("tries"): 2, Symbol("why"): "x"}), "queue"),
        (
            Rejected(Error(Symbol("com.microsoft:dead-letter"), "d", {Symbol("tries"): 2, Symbol("why"): "x"})),
            "queue/$DeadLetterQueue",
        ),
    ],
    ids=["abandon", "dead-letter"],
)
def test_a_settlement_can_set_properties(broker: Broker, outcome: Outcome, queue: str) -> None:
    put(broker, "queue", encoded("a"))
    client = Manager(broker, "queue")
    delivery_id, _ = client.receive("queue")
    client.send(encode_frame(Disposition(True, delivery_id, None, False, outcome), channel=1))
    assert take(broker, queue) == ("a", {"tries": 2, "why": "x"})


@pytest.mark.parametrize(
    ("status", "queue"),
    [("abandoned", "queue"), ("suspended", "queue/$DeadLetterQueue")],
    ids=["abandon", "dead-letter"],
)
def test_settlement_by_management_can_set_properties(broker: Broker, status: str, queue: str) -> None:
    put(broker, "queue", encoded("a"))
    client = Manager(broker, "queue")
    _, token = client.receive("queue")
    properties, _ = client.ask(
        "update-disposition",
        disposition_status=status,
        lock_tokens=Array(UUID, [token]),
        properties_to_modify={"tries": 2},
    )
    assert properties["statusCode"] == 200
    assert take(broker, queue) == ("a", {"tries": 2})


def test_a_deferred_message_keeps_the_properties_it_got(broker: Broker) -> None:
    put(broker, "queue", encoded("a"))
    client = Manager(broker, "queue")
    delivery_id, _ = client.receive("queue")
    defer = Modified(True, True, {Symbol("stage"): 3})
    client.send(encode_frame(Disposition(True, delivery_id, None, False, defer), channel=1))
    client.received()
    _, answer = client.ask("receive-by-sequence-number", sequence_numbers=Array(int, [1]), receiver_settle_mode=Int(1))
    assert isinstance(answer, dict)
    (found,) = answer["messages"]
    assert read_application_properties(read_sections(found["message"])) == {"stage": 3}


def test_sessions_are_listed_page_by_page(broker: Broker) -> None:
    put(broker, "sessions", *(encoded("x", session=name) for name in ("a", "b", "c")))
    client = Manager(broker, "sessions")
    seen: list[object] = []
    while True:
        properties, answer = client.ask("get-message-sessions", skip=Int(len(seen)), top=Int(2))
        if properties["statusCode"] == 204:
            break
        assert isinstance(answer, dict)
        seen += answer["sessions-ids"]
        assert answer["skip"] == len(seen)
    assert seen == ["a", "b", "c"]


def test_state_and_renewal_need_the_session(broker: Broker) -> None:
    put(broker, "sessions", encoded("x", session="mine"))
    holder, stranger = Manager(broker, "sessions"), Manager(broker, "sessions")
    holder.receive("sessions", {SESSION_FILTER: "mine"})
    assert holder.ask("set-session-state", session_id="mine", session_state=b"half")[0]["statusCode"] == 200
    assert holder.ask("get-session-state", session_id="mine")[1] == {"session-state": b"half"}
    for operation in ("get-session-state", "renew-session-lock"):
        properties, _ = stranger.ask(operation, session_id="mine")
        assert properties["statusCode"] == 410
        assert properties["errorCondition"] == "com.microsoft:session-lock-lost"


def test_deferred_messages_of_a_session_need_the_session(broker: Broker) -> None:
    put(broker, "sessions", encoded("x", session="mine"))
    holder, stranger = Manager(broker, "sessions"), Manager(broker, "sessions")
    delivery_id, _ = holder.receive("sessions", {SESSION_FILTER: "mine"})
    holder.send(encode_frame(Disposition(True, delivery_id, None, False, Modified(True, True)), channel=1))
    holder.received()
    asked = {"sequence_numbers": Array(int, [1]), "receiver_settle_mode": Int(1)}
    assert stranger.ask("receive-by-sequence-number", **asked)[0]["statusCode"] == 410
    assert holder.ask("receive-by-sequence-number", session_id="mine", **asked)[0]["statusCode"] == 200


def test_peek_returns_as_many_messages_as_fit_and_the_next_continues(clock: FakeClock) -> None:
    broker = Broker(QUEUES, clock, Limits(max_message_size=1000))
    put(broker, "queue", *(encoded(f"{number}" * 400) for number in range(5)))
    client = Manager(broker, "queue")
    numbers: list[object] = []
    answers = 0
    while len(numbers) < 5:
        _, answer = client.ask("peek-message", from_sequence_number=len(numbers) + 1, message_count=Int(100))
        assert isinstance(answer, dict)
        answers += 1
        for each in answer["messages"]:
            annotations = read_sections(each["message"]).annotations
            numbers.append(entry_value(annotations["x-opt-sequence-number"]))
    assert numbers == [1, 2, 3, 4, 5]
    assert answers > 2


def test_unknown_operation_and_malformed_body_are_answered(broker: Broker) -> None:
    client = Manager(broker, "queue")
    assert client.ask("add-rule")[0]["statusCode"] == 501
    for fields in ({}, {"lock_tokens": 5}, {"lock_tokens": ["x"], "disposition_status": "completed"}):
        properties, _ = client.ask("update-disposition", **fields)
        assert properties["statusCode"] == 400
        assert properties["errorCondition"] == "com.microsoft:argument-error"


def test_messages_come_after_a_link_is_attached_again(broker: Broker) -> None:
    put(broker, "queue", encoded("a"), encoded("b"))
    client = Client(broker)
    client.send(attach_receiver("queue", presettled=True), credit(0, 1))
    assert deliveries(client) == ["a"]
    client.send(encode_frame(Detach(0, closed=False), channel=1))
    client.send(attach_receiver("queue", presettled=True), credit(0, 1))
    assert deliveries(client) == ["b"]
