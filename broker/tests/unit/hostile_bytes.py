"""Input from a careless or hostile peer, for hypothesis: valid parts in random order, and broken ones."""

from hypothesis import strategies as st

from servicebus_broker.amqp.encode import encode
from servicebus_broker.amqp.frames import encode_frame
from servicebus_broker.amqp.performatives import (
    Accepted,
    Attach,
    Begin,
    Detach,
    Disposition,
    End,
    Error,
    Flow,
    Modified,
    Open,
    Received,
    Rejected,
    Released,
    Source,
    Target,
    Transfer,
)
from servicebus_broker.amqp.sections import (
    BATCH_FORMAT,
)
from servicebus_broker.amqp.values import Described, Symbol, ULong
from tests.unit.amqp.scalars import SCALARS

VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=3), SCALARS, max_size=2))
handles, numbers = st.integers(0, 4), st.integers(0, 2**32 - 1)
small = st.integers(0, 20)
symbols = st.text(st.characters(codec="ascii"), max_size=8).map(Symbol)
maps = st.dictionaries(symbols, VALUES, max_size=2)
addresses = st.sampled_from(
    ["queue", "sessions", "queue/$management", "$cbs", "queue/$DeadLetterQueue", "", "nowhere", "t/Subscriptions/s"]
)
states = st.one_of(
    st.just(Accepted()),
    st.just(Released()),
    st.builds(Received, small, small),
    st.builds(Modified, st.booleans(), st.booleans(), st.none() | maps),
    st.builds(Rejected, st.none() | st.builds(Error, symbols, st.none() | st.text(max_size=5), st.none() | maps)),
)
sources = st.builds(
    Source,
    addresses,
    filter=st.none()
    | st.dictionaries(st.just(Symbol("com.microsoft:session-filter")), st.none() | st.text(max_size=3) | VALUES),
)
PERFORMATIVES = st.one_of(
    st.builds(Open, st.text(max_size=5), max_frame_size=numbers, idle_time_out=st.none() | numbers),
    st.builds(Begin, st.none() | small, numbers, small, small),
    st.builds(
        Attach,
        st.text(max_size=2),
        handles,
        st.booleans(),
        small,
        small,
        st.none() | sources,
        st.none() | st.builds(Target, addresses),
        initial_delivery_count=st.none() | numbers,
        properties=st.none() | maps,
    ),
    st.builds(
        Flow,
        st.none() | small,
        small,
        small,
        small,
        st.none() | handles,
        st.none() | small,
        st.none() | numbers,
        drain=st.booleans(),
        echo=st.booleans(),
    ),
    st.builds(
        Transfer,
        handles,
        st.none() | small,
        st.none() | st.binary(max_size=4),
        st.none() | st.sampled_from([0, BATCH_FORMAT]) | numbers,
        st.none() | st.booleans(),
        st.booleans(),
        state=st.none() | states,
        aborted=st.booleans(),
    ),
    st.builds(
        Disposition, st.booleans(), small | numbers, st.none() | small | numbers, st.booleans(), st.none() | states
    ),
    st.builds(Detach, handles, st.booleans()),
    st.just(End()),
)


def section(code: int, value: object) -> bytes:
    return encode(Described(ULong(code), value))


# Bodies of management requests, with lists for arrays: the decoder treats both alike.
OPERATIONS = [
    "renew-lock",
    "schedule-message",
    "cancel-scheduled-message",
    "receive-by-sequence-number",
    "peek-message",
    "update-disposition",
    "renew-session-lock",
    "get-session-state",
    "set-session-state",
    "get-message-sessions",
    "no-such-operation",
]
FIELDS = [
    "lock-tokens",
    "messages",
    "message",
    "sequence-numbers",
    "from-sequence-number",
    "message-count",
    "disposition-status",
    "session-id",
    "session-state",
    "properties-to-modify",
    "receiver-settle-mode",
    "skip",
    "top",
]
bodies = st.dictionaries(
    st.sampled_from(FIELDS),
    VALUES | small | st.lists(st.uuids(), max_size=2) | st.lists(numbers, max_size=2) | st.sampled_from(["completed"]),
    max_size=6,
)
REQUESTS = st.builds(
    lambda operation, message_id, body: (
        section(0x73, [message_id]) + section(0x74, {"operation": f"com.microsoft:{operation}"}) + section(0x77, body)
    ),
    st.sampled_from(OPERATIONS),
    VALUES,
    bodies | VALUES,
)
MESSAGES = st.builds(
    lambda header, annotations, properties, application, data: (
        section(0x70, header)
        + section(0x72, annotations)
        + section(0x73, properties)
        + section(0x74, application)
        + section(0x75, data)
    ),
    st.lists(VALUES, max_size=5),
    st.dictionaries(st.sampled_from(["x-opt-scheduled-enqueue-time", "x-opt-partition-key"]).map(Symbol), VALUES),
    st.lists(VALUES, max_size=12),
    maps,
    st.binary(max_size=20),
)
PAYLOADS = st.one_of(st.binary(max_size=30), MESSAGES, REQUESTS, MESSAGES.map(lambda each: section(0x75, each)))
FRAMES = st.builds(
    lambda performative, payload: encode_frame(
        performative, payload if isinstance(performative, Transfer) else b"", channel=1
    ),
    PERFORMATIVES,
    PAYLOADS,
)


def mutated(data: bytes, draw: st.DrawFn) -> bytes:
    """The bytes with some of them changed, left out or doubled."""
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        if not out:
            break
        at = draw(st.integers(0, len(out) - 1))
        match draw(st.sampled_from(["change", "cut", "remove", "repeat"])):
            case "change":
                out[at] = draw(st.integers(0, 255))
            case "cut":
                del out[at:]
            case "remove":
                del out[at]
            case _:
                out[at:at] = out[at : at + 8]
    return bytes(out)


@st.composite
def mutations(draw: st.DrawFn, base: st.SearchStrategy[bytes]) -> bytes:
    return mutated(draw(base), draw)
