"""Who is let in: tokens, passwords, and the links that they allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.frames import AMQP_HEADER, SASL_HEADER, SASL_TYPE, encode_frame
from servicebus_broker.amqp.performatives import Attach, Begin, Detach, Open, SaslInit, Transfer
from servicebus_broker.amqp.sections import Sections, read_application_properties, read_sections, write_message
from servicebus_broker.amqp.values import Described, Symbol, ULong
from servicebus_broker.limits import Limits
from servicebus_broker.queues.errors import UnauthorizedError
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.peer import Peer
from servicebus_broker.service.shared_key import SharedKey
from tests.unit.client import HANDSHAKE, KEY, attach_receiver, attach_sender, credit, read_frames
from tests.unit.peers import transfer
from tests.unit.queues.conftest import FakeClock
from tests.unit.tokens import sas_token

OPEN = AMQP_HEADER + encode_frame(Open("client")) + encode_frame(Begin(None, 0, 1000, 1000), channel=1)
ANONYMOUS = SASL_HEADER + encode_frame(SaslInit(Symbol("ANONYMOUS")), type_=SASL_TYPE) + OPEN


@pytest.fixture
def key(clock: FakeClock) -> SharedKey:
    return SharedKey(KEY, clock)


@pytest.fixture
def guarded(clock: FakeClock, key: SharedKey) -> Broker:
    return Broker([QueueSettings("queue"), QueueSettings("queue-2")], clock, key=key)


def connect(broker: Broker, start: bytes) -> Peer:
    peer = broker.connect()
    peer.receive_data(start)
    read_frames(peer.connection.data_to_send())
    return peer


def answers(peer: Peer, data: bytes) -> list[tuple[object, bytes]]:
    peer.receive_data(data)
    return read_frames(peer.connection.data_to_send())


def put_token(peer: Peer, token: str) -> tuple[object, object]:
    """The status and its description."""
    body = encode(Described(ULong(0x77), token))
    answer = answers(peer, attach_sender("$cbs", 8) + attach_receiver("$cbs", 9) + credit(9, 1) + _request(8, body))
    (payload,) = (payload for performative, payload in answer if isinstance(performative, Transfer))
    properties = read_application_properties(read_sections(payload))
    for handle in (8, 9):
        peer.receive_data(encode_frame(Detach(handle, True), channel=1))
    peer.connection.data_to_send()
    return properties["status-code"], properties["status-description"]


def _request(handle: int, body: bytes) -> bytes:
    message = write_message(Sections(body=body), 0, {})
    return encode_frame(Transfer(handle, 0, b"tag", 0, True), message, channel=1)


def is_attached(peer: Peer, attach: bytes) -> bool:
    answer = [performative for performative, _ in answers(peer, attach)]
    refusals = [each.error for each in answer if isinstance(each, Detach)]
    assert isinstance(answer[0], Attach)
    assert all(error is not None and error.condition == "amqp:unauthorized-access" for error in refusals)
    return not refusals


@pytest.mark.parametrize("address", ["queue", "queue/$management", "queue/$DeadLetterQueue"])
def test_a_link_needs_a_token(guarded: Broker, address: str) -> None:
    peer = connect(guarded, ANONYMOUS)
    assert not is_attached(peer, attach_receiver(address))
    assert not peer.is_authorized
    assert put_token(peer, sas_token("sb://127.0.0.1:5672/Queue")) == (202, "Accepted")
    assert peer.is_authorized
    assert is_attached(peer, attach_receiver(address, 1))


@pytest.mark.parametrize(
    ("audience", "other_too"),
    [
        ("sb://127.0.0.1:5672", True),
        ("sb://127.0.0.1:5672/", True),
        ("127.0.0.1:5672", True),
        ("https://127.0.0.1:5300/queue?api-version=2021-05", False),
        ("127.0.0.1:5672/queue", False),
        ("amqps://name.servicebus.windows.net/queue/", False),
        ("sb://127.0.0.1/queue", False),
    ],
)
def test_a_token_is_for_its_audience(guarded: Broker, audience: str, other_too: bool) -> None:
    peer = connect(guarded, ANONYMOUS)
    put_token(peer, sas_token(audience))
    assert is_attached(peer, attach_sender("queue"))
    assert is_attached(peer, attach_sender("queue-2", 1)) is other_too


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (sas_token("sb://h/queue", key="another"), "InvalidSignature"),
        (sas_token("sb://h/queue", policy="Another"), "InvalidSignature"),
        (sas_token("sb://h/queue", 1_000_000), "ExpiredToken"),
        (sas_token("sb://h/queue").replace("sr=sb", "sr=s"), "InvalidSignature"),
        (sas_token("sb://h/queue").replace("se=4", "se=5"), "InvalidSignature"),
        (sas_token("sb://h/queue") + "&se=9", "MalformedToken"),
        (sas_token("sb://h/queue").removeprefix("Shared"), "MalformedToken"),
        ("SharedAccessSignature ", "MalformedToken"),
        ("SharedAccessSignature sr=a&sig=b&se=9e9&skn=c", "MalformedToken"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", "MalformedToken"),
        ("", "MalformedToken"),
    ],
)
def test_a_wrong_token_is_refused_as_the_service_does(guarded: Broker, token: str, reason: str) -> None:
    peer = connect(guarded, ANONYMOUS)
    status, description = put_token(peer, token)
    assert status == 401
    assert str(description).startswith(reason)
    assert not is_attached(peer, attach_sender("queue"))


def test_a_token_opens_no_links_after_it_expired(guarded: Broker, clock: FakeClock) -> None:
    peer = connect(guarded, ANONYMOUS)
    put_token(peer, sas_token("sb://h/queue", clock.now + 60))
    assert is_attached(peer, attach_sender("queue"))
    clock.advance(60)
    assert not is_attached(peer, attach_sender("queue", 1))
    put_token(peer, sas_token("sb://h/queue", clock.now + 60))
    assert is_attached(peer, attach_sender("queue", 2))


def test_expiry_is_by_the_clock_as_it_is_set(key: SharedKey, clock: FakeClock) -> None:
    clock.ahead = -3600
    assert key.claim(sas_token("sb://h", clock.now - 1800)).expires_at == clock.now + 1800
    with pytest.raises(UnauthorizedError, match="Expired"):
        key.claim(sas_token("sb://h", clock.now - 3601))


def test_a_right_password_opens_everything(guarded: Broker) -> None:
    peer = connect(guarded, HANDSHAKE)
    assert peer.is_authorized
    assert is_attached(peer, attach_sender("queue"))
    assert answers(peer, transfer(0, b"\x00\x53\x75\xa0\x01x"))


@pytest.mark.parametrize(
    "init",
    [
        SaslInit(Symbol("PLAIN"), b"\0RootManageSharedAccessKey\0wrong"),
        SaslInit(Symbol("PLAIN"), b"\0Another\0SAS_KEY_VALUE"),
        SaslInit(Symbol("PLAIN"), b"\xff"),
        SaslInit(Symbol("PLAIN")),
        SaslInit(Symbol("EXTERNAL")),
        SaslInit(Symbol("")),
    ],
)
def test_a_wrong_password_or_mechanism_ends_the_connection(guarded: Broker, init: SaslInit) -> None:
    peer = connect(guarded, SASL_HEADER + encode_frame(init, type_=SASL_TYPE) + OPEN)
    assert peer.connection.is_closed
    assert peer.connection.fault is not None
    assert peer.connection.fault.condition == "amqp:unauthorized-access"


def test_a_client_without_sasl_has_to_put_a_token(guarded: Broker) -> None:
    peer = connect(guarded, OPEN)
    assert not is_attached(peer, attach_sender("queue"))
    put_token(peer, sas_token("sb://h"))
    assert is_attached(peer, attach_sender("queue", 1))


def test_tokens_for_many_entities_are_bounded(clock: FakeClock, key: SharedKey) -> None:
    peer = connect(Broker([], clock, Limits(max_links=3), key), ANONYMOUS)
    assert [put_token(peer, sas_token(f"sb://h/{number}"))[0] for number in (1, 2, 3, 4, 3)] == [
        202,
        202,
        202,
        403,
        202,
    ]


@given(st.text(), st.booleans())
def test_any_text_is_a_claim_or_a_refusal(text: str, signed: bool) -> None:
    key = SharedKey(KEY, FakeClock())
    if signed:
        claim = key.claim(sas_token(f"sb://h/{text}".encode("utf-8", "replace").decode()))
        assert claim.covers(f"{claim.path}/$management")
        return
    for token in (text, f"SharedAccessSignature {text}", sas_token("sb://h").replace("sig=", f"sig={text}")):
        if token != sas_token("sb://h"):
            with pytest.raises(UnauthorizedError):
                key.claim(token)
