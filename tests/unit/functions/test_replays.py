"""What is sent when a kept dead letter is replayed."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from pydantic import SecretStr

from functions.contracts import CheckTraining, RunModel, StartTraining, Training, commands_in
from functions.operations import Operations
from functions.predict.idempotency import belongs_to
from functions.predict.secret import Secret
from functions.queues import RESULTS, RUN_MODEL, TRAIN
from functions.replays import Kept, replay

SECRET = SecretStr("a secret of the tests")
ROOT = Path(__file__).parents[3]
THEN, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)


def command(number: int = 1, **fields: object) -> RunModel:
    known = {
        "operation": f"{number:032x}",
        "reply_to_session": "gone",
        "model_type": "wine",
        "parameters": {"alpha": 0.5},
        "key": "b" * 64,
        "created_at": THEN,
        "deadline": THEN + timedelta(minutes=15),
        "expires_at": THEN + timedelta(days=1),
        "attempt": 4,
        "trained": True,
        "retrain": True,
        "traceparent": "00-a-b-01",
        "caller": "key:0123456789abcdef",
        "training": Training(databricks_run_id=7, state="RUNNING"),
    }
    return RunModel.model_validate({**known, **fields})


def kept(body: bytes, queue: str = RUN_MODEL, operations: tuple[str, ...] = ()) -> Kept:
    return Kept(id=f"{queue}:7:", queue=queue, body=body, operations=list(operations))


@pytest.fixture
def operations() -> Operations:
    return Operations(MemoryStore(), lambda: NOW)


async def test_command_is_a_new_operation_with_a_new_deadline(operations: Operations) -> None:
    old = command()
    answer = await replay(kept(old.to_json()), operations, Secret(operations, SECRET), lambda: NOW)
    (message,) = answer.messages
    (new,) = commands_in(message.body)
    assert isinstance(new, RunModel)
    assert answer.operations == {old.operation: new.operation}
    assert new.operation != old.operation
    assert belongs_to(await Secret(operations, SECRET).value(), new.operation, old.caller)
    assert (new.deadline, new.expires_at) == (NOW + timedelta(minutes=15), NOW + timedelta(days=1))
    assert (new.attempt, new.trained, new.retrain, new.training) == (0, False, False, None)
    assert (new.model_type, new.parameters, new.key) == (old.model_type, old.parameters, old.key)
    assert (message.message_id, message.operation) == (new.message_id, new.operation)
    assert message.properties == {"replayOf": old.operation, "traceparent": "00-a-b-01"}
    assert message.reply_to_session == new.reply_to_session != "gone"
    pending = await operations.read(new.operation)
    assert pending is not None
    assert (pending.status, pending.expires_at) == ("pending", NOW + timedelta(days=1))


async def test_many_replays_are_answered_in_few_sessions(operations: Operations) -> None:
    """Each session that is adopted occupies a place of the host for seconds."""
    secret = Secret(operations, SECRET)
    answers = [await replay(kept(command(number).to_json()), operations, secret) for number in range(1, 100)]
    assert len({each.reply_to_session for answer in answers for each in answer.messages}) <= 16


async def test_replay_begun_again_sends_the_same_message(operations: Operations) -> None:
    first = await replay(kept(command().to_json()), operations, Secret(operations, SECRET), lambda: NOW)
    again = await replay(
        kept(command().to_json()), operations, Secret(operations, SECRET), lambda: NOW + timedelta(seconds=1)
    )
    assert [each.message_id for each in first.messages] == [each.message_id for each in again.messages]


@pytest.mark.parametrize("body", [StartTraining(command=command()), CheckTraining(command=command(), checks=3)])
async def test_training_starts_anew(operations: Operations, body: StartTraining | CheckTraining) -> None:
    answer = await replay(kept(body.to_json(), TRAIN), operations, Secret(operations, SECRET), lambda: NOW)
    (new,) = commands_in(answer.messages[0].body)
    assert isinstance(new, StartTraining)
    assert new.command.operation == answer.operations[command().operation]


async def test_each_command_of_a_shared_message_goes_alone(operations: Operations) -> None:
    body = b"[" + command(1).to_json() + b"," + command(2).to_json() + b"]"
    answer = await replay(kept(body), operations, Secret(operations, SECRET), lambda: NOW)
    assert len({each.message_id for each in answer.messages}) == 2
    assert [each.properties["replayOf"] for each in answer.messages] == [command(1).operation, command(2).operation]


async def test_rows_in_the_store_are_the_new_operations_too(operations: Operations) -> None:
    old = command(input_stored=True)
    refused = await replay(kept(old.to_json()), operations, Secret(operations, SECRET), lambda: NOW)
    assert (refused.messages, refused.refused) == (
        (),
        f"the rows of operation {old.operation} are no longer in the store",
    )
    await operations.put_input(old.operation, b'[{"x": 0.1}]')
    answer = await replay(kept(old.to_json()), operations, Secret(operations, SECRET), lambda: NOW)
    assert await operations.get_input(answer.operations[old.operation]) == [{"x": 0.1}]


async def test_body_that_cannot_be_read_goes_as_it_came(operations: Operations) -> None:
    answer = await replay(
        kept(b"\xffnot ours", operations=("a" * 32,)), operations, Secret(operations, SECRET), lambda: NOW
    )
    (message,) = answer.messages
    new = answer.operations["a" * 32]
    assert (message.body, message.operation) == (b"\xffnot ours", new)
    assert message.properties == {"operations": new, "replayOf": "a" * 32}
    assert await operations.read(new) is not None


async def test_answer_is_not_sent_again(operations: Operations) -> None:
    answer = await replay(kept(b"{}", RESULTS), operations, Secret(operations, SECRET), lambda: NOW)
    assert (answer.messages, answer.refused is not None) == ((), True)


def test_lines_in_and_out(tmp_path: Path) -> None:
    lines = [b"{}", kept(command().to_json()).to_json()]
    done = subprocess.run(
        [sys.executable, "-m", "functions.replays"],
        cwd=ROOT,
        input=b"\n".join(lines),
        # A secret that has to be read has a time limit, which a busy machine may exceed.
        env={"OPERATIONS_URL": tmp_path.as_uri(), "IDEMPOTENCY_SECRET": SECRET.get_secret_value()},
        stdout=subprocess.PIPE,
        check=True,
    )
    refused, answered = map(json.loads, done.stdout.splitlines())
    assert refused["refused"]
    assert answered["refused"] is None
    assert (tmp_path / answered["operations"][command().operation] / "status.json").exists()
