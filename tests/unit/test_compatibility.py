"""What docs/operations.md promises of messages and stored objects: those of an older or newer release can be read.

The texts here were written by the release of November 2026, with a field `newer` that it does not know. Where a test
fails, pods of two releases would not understand each other: leave the text, and change the code or `schemaVersion`.
"""

import json
from datetime import UTC, datetime

import obstore
import pytest
from obstore.store import MemoryStore

from functions.contracts import (
    CheckTraining,
    Document,
    Event,
    RunModel,
    UnknownVersion,
    commands_in,
    events_in,
    run_models_in,
    train_message_in,
)
from functions.operations import Operations
from functions.parameters import training_key
from functions.predict.idempotency import belongs_to, operation_ids
from functions.run_model.lookup import KEY_TAG
from functions.train.places import Places

ID = "0123456789abcdef" * 2
TIME = "2126-11-28T00:00:00Z"
OPERATION = (
    f'{{"runId":"{ID}","status":"completed","statusMessage":null,"result":[5.6],"modelType":"wine","modelParameters":'
    f'{{"alpha":0.36}},"ignoredColumns":null,"model":{{"uri":"models:/m-1","runId":"1"}},"training":{{"runId":123,"url":'
    f'"https://x","state":"RUNNING","startedAt":"{TIME}"}},"createdAt":"{TIME}","expiresAt":"{TIME}","error":null,"newer":1}}'
)
RUN_MODEL = (
    f'{{"schemaVersion":1,"kind":"RunModel","operation":"{ID}","attempt":2,"replyToSession":"s","modelType":"wine",'
    f'"parameters":{{"alpha":0.36}},"key":"{"b" * 64}","predictionInput":[{{"pH":3.3}}],"inputStored":false,'
    f'"createdAt":"{TIME}","deadline":"{TIME}","expiresAt":"{TIME}","training":null,"trained":true,"retrain":false,'
    f'"traceparent":null,"caller":"key:1","newer":1}}'
)
START = f'{{"schemaVersion":1,"kind":"StartTraining","command":{RUN_MODEL},"attempt":0,"newer":1}}'
CHECK = f'{{"schemaVersion":1,"kind":"CheckTraining","command":{RUN_MODEL},"checks":3,"attempt":0,"newer":1}}'
EVENT = (
    f'{{"schemaVersion":1,"kind":"Event","phase":"outcome","operation":{OPERATION},"replyToSession":"s",'
    f'"resultStored":false,"attempt":0,"traceparent":null,"newer":1}}'
)
LEDGER = (
    f'{{"places":[{{"key":"{"b" * 64}","token":"t","model_type":"wine","caller":"key:1","claimed_at":"{TIME}","until":'
    f'"{TIME}","databricks_run_id":123,"ended_at":null,"newer":1}}],"newer":1}}'
)


def fields(text: str) -> set[str]:
    return set(json.loads(text)) - {"newer"}


def written(document: Document) -> set[str]:
    return set(json.loads(document.to_json()))


def test_a_command_is_read_and_written() -> None:
    (command,) = run_models_in(RUN_MODEL.encode())
    assert (command.message_id, command.caller) == (f"{ID}:trained:2", "key:1")
    assert fields(RUN_MODEL) <= written(command), "an older release reads what this one writes"


def test_messages_of_a_training_are_read_and_written() -> None:
    for text in (START, CHECK):
        message = train_message_in(text.encode())
        assert isinstance(message.command, RunModel)
        assert fields(text) <= written(message)
    assert isinstance(train_message_in(CHECK.encode()), CheckTraining)


def test_an_event_is_read_and_written() -> None:
    (event,) = events_in(EVENT.encode())
    assert isinstance(event, Event)
    assert event.operation.result == [5.6]
    assert fields(EVENT) <= written(event)
    assert fields(OPERATION) <= written(event.operation)


@pytest.mark.parametrize("text", [RUN_MODEL, START, CHECK])
def test_dead_letters_are_read(text: str) -> None:
    assert len(commands_in(text.encode())) == 1


@pytest.mark.parametrize("text", [RUN_MODEL, f"[{RUN_MODEL}]"])
def test_a_message_of_a_newer_version_is_known_as_that(text: str) -> None:
    newer = text.replace('"schemaVersion":1', '"schemaVersion":2').replace('"replyToSession"', '"replyTo"')
    with pytest.raises(UnknownVersion):
        run_models_in(newer.encode())


async def test_stored_operations_are_read() -> None:
    store = MemoryStore()
    progress = OPERATION.replace("completed", "running").replace("[5.6]", "null")
    await obstore.put_async(store, f"{ID}/status.json", progress.encode())
    operations = Operations(store)
    running = await operations.read(ID)
    await obstore.put_async(store, f"{ID}/result.json", OPERATION.encode())
    ended = await operations.read(ID)
    assert running is not None
    assert ended is not None
    assert (running.status, ended.status, ended.result) == ("running", "completed", [5.6])


async def test_claims_and_rows_that_are_stored_are_read() -> None:
    store = MemoryStore()
    await obstore.put_async(store, f"{ID}/request.json", f'{{"digest":"d","expiresAt":"{TIME}","newer":1}}'.encode())
    await obstore.put_async(store, f"{ID}/input.json", b'[{"pH":3.3}]')
    operations = Operations(store)
    assert (await operations.claimed(ID), await operations.get_input(ID)) == ("d", [{"pH": 3.3}])


def test_the_ledger_of_trainings_is_read_and_written() -> None:
    places = Places.model_validate_json(LEDGER)
    (place,) = places.places
    assert place.databricks_run_id == 123
    assert fields(LEDGER) <= set(json.loads(places.model_dump_json()))


def test_a_training_keeps_its_key_and_a_model_its_tag() -> None:
    key = training_key("wine", {"alpha": 0.36, "l1_ratio": 0.33})
    assert key == "b35109cf0f83151b0525a57a0edbbe6ac1dd82cd58ae4e34970d1cae744bb976"
    assert KEY_TAG == "ondemand.key"


def test_a_repeated_request_is_the_same_operation() -> None:
    ids = operation_ids(b"s" * 32, "key:1", "k", datetime(2026, 11, 28, tzinfo=UTC), 86_400)
    assert ids == ("06a5ccb53dbad83c61f427d55323e8bf", "df88a546137181974f488c6c14404a83")
    assert belongs_to(b"s" * 32, ids[0], "key:1")
