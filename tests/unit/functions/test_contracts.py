import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import orjson
import pytest
from azure.servicebus import ServiceBusMessage
from pydantic import ValidationError

from functions.contracts import (
    MAX_COMMANDS,
    AnyMessage,
    CheckTraining,
    Event,
    JsonText,
    ModelReference,
    Operation,
    RunModel,
    StartTraining,
    Training,
    UnknownVersion,
    commands_in,
    events_in,
    run_models_in,
    train_message_in,
)
from functions.outbox.messages import Publication, encode

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COMMAND = RunModel(
    operation="a" * 32,
    reply_to_session="session",
    model_type="wine",
    parameters={"alpha": 0.36, "deep": True, "trees": 7, "loss": "l1"},
    key="b" * 64,
    prediction_input=[{"alcohol": 12.8, "name": "x"}],
    created_at=NOW,
    deadline=NOW,
    expires_at=NOW,
    training=Training(databricks_run_id=2**53 - 1, state="RUNNING", started_at=NOW),
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
OPERATION = COMMAND.operation_document("completed", result=[5.6], model=ModelReference(uri="models:/m-1"))
MESSAGES: list[AnyMessage] = [
    COMMAND,
    StartTraining(command=COMMAND, attempt=2),
    CheckTraining(command=COMMAND, checks=3),
    Event(phase="outcome", operation=OPERATION, reply_to_session="session"),
]


def body_of(message: ServiceBusMessage) -> bytes:
    return b"".join(message.body)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
def test_messages_survive_the_bus(message: Any) -> None:
    read = events_in if isinstance(message, Event) else commands_in
    assert read(message.to_json()) == [message]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
def test_fields_of_a_newer_version_are_ignored(message: Any) -> None:
    newer = orjson.loads(message.to_json()) | {"priority": {"level": 3}}
    nested = newer["operation"] if isinstance(message, Event) else newer.get("command", newer)
    nested["priority"] = "high"
    if nested["training"]:
        nested["training"]["cost"] = 3.5
    read = events_in if isinstance(message, Event) else commands_in
    assert read(orjson.dumps(newer)) == [message]


READERS: list[Callable[[bytes], object]] = [run_models_in, train_message_in, events_in, commands_in]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
@pytest.mark.parametrize("in_list", [False, True])
def test_unknown_version_is_told_apart_from_what_nobody_can_read(message: Any, in_list: bool) -> None:
    newer = orjson.loads(message.to_json()) | {"schemaVersion": 2, "kind": "New"}
    body = orjson.dumps([newer, newer] if in_list else newer)
    for read in READERS:
        with pytest.raises(UnknownVersion, match="its schema version is 2, known is 1"):
            read(body)


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"[7]", b"{}", b'{"schemaVersion":1}', b'{"kind":"RunModel"}'])
def test_what_nobody_can_read_has_no_unknown_version(body: bytes) -> None:
    for read in READERS:
        with pytest.raises((ValidationError, orjson.JSONDecodeError)):
            read(body)


@pytest.mark.parametrize("rows", [{"a": 1.5, "b": "\u20ac"}, [[1, 2.5], [None, True]], None])
def test_rows_that_are_json_already_travel_as_they_are(rows: object) -> None:
    written = COMMAND.model_copy(update={"prediction_input": JsonText(orjson.dumps(rows))})
    plain = COMMAND.model_copy(update={"prediction_input": rows})
    assert run_models_in(written.to_json()) == run_models_in(plain.to_json()) == [plain]
    assert commands_in(StartTraining(command=written).to_json()) == [StartTraining(command=plain)]


def test_integers_beyond_64_bits_do_not_keep_a_command_from_being_put_off() -> None:
    odd = COMMAND.model_copy(update={"prediction_input": [{"a": 2**70}]})
    assert commands_in(odd.to_json()) == [odd]


async def test_several_commands_or_events_survive_in_one_message() -> None:
    other = COMMAND.model_copy(update={"operation": "c" * 32})
    message = encode([Publication(COMMAND), Publication(other)])
    assert run_models_in(body_of(message)) == commands_in(body_of(message)) == [COMMAND, other]
    assert message.application_properties == {"operations": f"{'a' * 32},{'c' * 32}"}
    assert (message.subject, message.reply_to_session_id, message.correlation_id) == ("RunModel", "session", None)
    event = MESSAGES[3]
    assert isinstance(event, Event)
    message = encode([Publication(event), Publication(event)])
    assert events_in(body_of(message)) == [event, event]
    assert message.session_id == "session"


def test_message_ids_differ_where_the_work_differs() -> None:
    retried = COMMAND.model_copy(update={"attempt": 1})
    ids = [message.message_id for message in (*MESSAGES, retried, StartTraining(command=COMMAND))]
    assert len(set(ids)) == len(ids)
    assert all(len(message_id) <= 128 for message_id in ids)


def test_trained_command_never_has_the_id_of_one_that_was_put_off() -> None:
    """The bus may take a StartTraining and lose its confirmation: then the command is put off and trained as well."""
    put_off = {COMMAND.model_copy(update={"attempt": attempt}).message_id for attempt in range(5)}
    trained = {COMMAND.model_copy(update={"attempt": attempt, "trained": True}).message_id for attempt in range(5)}
    assert put_off.isdisjoint(trained)
    assert len(put_off | trained) == 10


def test_no_two_messages_of_an_operation_share_an_id() -> None:
    """Duplicate detection would drop the later one. Whatever tells two messages of one queue apart is in their ids.

    Two chains of checks of one command do the same work, so a check has no attempt of its command in its id.
    """
    numbers = (0, 1, 2, 10, 11)
    commands = [
        COMMAND.model_copy(update={"attempt": attempt, "trained": trained, "retrain": retrain})
        for attempt, trained, retrain in product(numbers, (False, True), (False, True))
    ]
    started = [StartTraining(command=each, attempt=attempt) for each in commands for attempt in numbers]
    checks = [
        CheckTraining(command=each, checks=number, attempt=attempt)
        for each, number, attempt in product(commands, numbers, numbers)
    ]
    phases = ["outcome", "training:requested", *(f"loading:{number}" for number in numbers)]
    phases += [f"training:{run}:{state}" for run in numbers for state in ("PENDING", "RUNNING", "TERMINATED")]
    events = [
        Event(
            phase=phase,
            attempt=attempt,
            operation=Operation(operation_id="a" * 32, status="running"),
            reply_to_session="s",
        )
        for phase in phases
        for attempt in numbers
    ]
    # A trained command is in a second training only if its first one was: so `trained` says no more there.
    by_start = {(each.command.retrain, each.command.attempt, each.attempt) for each in started}
    by_check = {(each.command.retrain, each.checks, each.attempt) for each in checks}
    for_train = [each.message_id for each in started] + [each.message_id for each in checks]
    assert len({each.message_id for each in commands}) == len(commands)
    assert len(set(for_train)) == len(by_start) + len(by_check)
    assert len({each.message_id for each in events}) == len(events)
    assert not any(":later:" in message_id for message_id in for_train), "what is put off has an id of its own"


def test_second_training_of_a_command_shares_no_id_with_the_first() -> None:
    ids = []
    for command in (COMMAND, COMMAND.model_copy(update={"retrain": True})):
        trained = command.model_copy(update={"trained": True})
        ids += [each.message_id for each in (trained, StartTraining(command=command), CheckTraining(command=command))]
    assert len(set(ids)) == 6


@pytest.mark.parametrize(
    "forged",
    [
        {"attempt": -(10**9)},  # its delay would be nothing
        {"attempt": 10**400},
        {"checks": -1},
        {"replyToSession": "x" * 129},  # no answer could be sent, not even that it is a dead letter
        {"replyToSession": ""},
        {"deadline": "2026-01-01T00:00:00"},
        {"createdAt": "2026-01-01T00:00:00"},
        {"training": {"state": "RUNNING", "startedAt": "2026-01-01T00:00:00"}},
        {"traceparent": "x" * 10_000},
        {"operation": "../x"},
    ],
)
def test_made_up_command_that_could_not_be_handled_or_answered_is_refused(forged: dict[str, Any]) -> None:
    for message in (COMMAND, StartTraining(command=COMMAND), CheckTraining(command=COMMAND)):
        document = json.loads(message.to_json())
        for each in (document, document.get("command", document)):
            each.update({name: value for name, value in forged.items() if name in each})
        if isinstance(message, CheckTraining) or "checks" not in forged:
            with pytest.raises(ValidationError):
                commands_in(json.dumps(document).encode())


@pytest.mark.parametrize("forged", ["../x", "a" * 31, "A" * 32, "a" * 32 + "\n", "a/b", "", None])
def test_event_whose_operation_id_could_not_be_ours_is_refused(forged: str | None) -> None:
    """It becomes a path in the operation store."""
    event = {"phase": "outcome", "replyToSession": "s", "operation": {"runId": forged, "status": "completed"}}
    with pytest.raises(ValidationError):
        events_in(json.dumps(event).encode())


async def test_a_dead_letter_tells_its_client_without_its_body() -> None:
    message = encode([Publication(StartTraining(command=COMMAND))])
    assert (message.correlation_id, message.reply_to_session_id) == (COMMAND.operation, "session")
    assert message.session_id is None
    assert message.application_properties == {"traceparent": COMMAND.traceparent}


async def test_an_event_goes_to_the_session_of_the_instance() -> None:
    assert encode([Publication(MESSAGES[3])]).session_id == "session"


def test_the_operation_document_is_camel_case_and_has_every_field_in_every_status() -> None:
    fields = {
        "runId", "status", "statusMessage", "result", "modelType", "modelParameters", "ignoredColumns", "model",
        "training", "createdAt", "expiresAt", "error",
    }  # fmt: skip
    assert set(orjson.loads(Operation(status="pending").to_json())) == fields
    assert set(orjson.loads(OPERATION.to_json())) == fields


def test_what_is_no_number_in_json_becomes_null() -> None:
    document = Operation(status="completed", result=[1.0, float("nan"), float("inf")]).to_json()
    assert orjson.loads(document)["result"] == [1.0, None, None]


def test_message_of_too_many_commands_is_not_read() -> None:
    body = b"[" + b",".join([COMMAND.to_json()] * (MAX_COMMANDS + 1)) + b"]"
    with pytest.raises(ValueError, match="101 commands"):
        run_models_in(body)


def test_command_takes_the_trace_of_the_message_that_carries_it() -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01"
    assert COMMAND.traced(None) is COMMAND
    assert COMMAND.traced(traceparent).traceparent == traceparent
