"""``python -m functions.replays``: the messages that repeat a kept dead letter, for `ondemand dead-letters replay`.

Reads a `Kept` a line and writes a `Replay` a line, both JSON. The command sends and completes; what is in a message,
and what its operation needs in the store, is known here alone.
"""

import asyncio
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import orjson
from pydantic import ConfigDict, Field, ValidationError

from functions.contracts import (
    Command,
    Document,
    Operation,
    OperationId,
    RunModel,
    StartTraining,
    command_of,
    commands_in,
    utc_now,
)
from functions.errors import Unavailable
from functions.operations import Operations, open_store
from functions.outbox.messages import OPERATIONS
from functions.predict.caller import UNKNOWN
from functions.predict.idempotency import replayed_operation_id
from functions.predict.secret import Secret
from functions.queues import RESULTS
from functions.settings import PredictSettings, StoreSettings, load

UNREAD_KEPT = timedelta(days=1)
"""How long the operation of a message that cannot be read can be polled."""
REPLAY_OF = "replayOf"
"""Application property: the operations that a message repeats."""


class _Line(Document):
    """Bytes are base64 in JSON, with the alphabet for URLs."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Kept(_Line):
    """A message of the queue `failed`. ``operations`` are those of its clients, ``queue`` is where it failed."""

    id: str
    queue: str
    body: bytes
    operations: list[OperationId]


class ReplayMessage(_Line):
    """One Service Bus message to send to the queue of the original."""

    body: bytes
    message_id: str
    operation: str | None
    reply_to_session: str
    subject: str | None = None
    properties: dict[str, str]


class Replay(_Line):
    """What to send, or why nothing can be sent. ``operations`` has the new operation of each old one."""

    messages: Sequence[ReplayMessage] = ()
    operations: Mapping[str, str] = Field(default_factory=dict)
    refused: str | None = None


async def replay(kept: Kept, operations: Operations, secret: Secret, clock: Callable[[], datetime] = utc_now) -> Replay:
    """Renew ids, deadline and reply address, and make the new operations visible. Raises Unavailable.

    The new ids follow from the old ones: a replay that is begun again after a kill sends the same message once more.
    """
    if kept.queue == RESULTS:
        return Replay(refused="it is an answer, and its operation has ended in an error")
    try:
        commands = commands_in(kept.body)
    except ValueError:
        return await _as_it_came(kept, operations, await secret.value(), clock())
    key = await secret.value()
    new_ids = {
        command.operation: replayed_operation_id(key, command.caller, command.operation, kept.id)
        for command in map(command_of, commands)
    }
    inputs = {}
    for command in map(command_of, commands):
        if command.input_stored:
            try:
                inputs[command.operation] = await operations.get_input(command.operation)
            except KeyError:
                return Replay(refused=f"the rows of operation {command.operation} are no longer in the store")
    for old, rows in inputs.items():
        await operations.put_input(new_ids[old], orjson.dumps(rows))
    messages = [_renewed(each, new_ids[command_of(each).operation], clock()) for each in commands]
    for command in (command_of(message) for message in messages):
        await operations.begin(command.operation_document("pending", status_message="sent again"))
    encoded = [_encoded(new, command_of(old).operation) for new, old in zip(messages, commands, strict=True)]
    return Replay(messages=encoded, operations=new_ids)


async def _as_it_came(kept: Kept, operations: Operations, secret: bytes, now: datetime) -> Replay:
    """A body that this version cannot read may be read by the one that runs. Its caller is not known."""
    new_ids = {old: replayed_operation_id(secret, UNKNOWN, old, kept.id) for old in kept.operations}
    for new in new_ids.values():
        pending = Operation(operation_id=new, status="pending", created_at=now, expires_at=now + UNREAD_KEPT)
        await operations.begin(pending)
    message = ReplayMessage(
        body=kept.body,
        message_id=_digest(kept.id),
        operation=next(iter(new_ids.values())) if len(new_ids) == 1 else None,
        reply_to_session=_session(_digest(kept.id)),
        properties={OPERATIONS: ",".join(new_ids.values()), REPLAY_OF: ",".join(new_ids)},
    )
    return Replay(messages=[message], operations=new_ids)


def _renewed(message: Command, operation: str, now: datetime) -> RunModel | StartTraining:
    """A check of a training becomes its start: the token finds the Databricks run if there is one."""
    command = command_of(message)
    renewed = command.model_copy(
        update={
            "operation": operation,
            "attempt": 0,
            "reply_to_session": _session(operation),
            "created_at": now,
            "deadline": now + (command.deadline - command.created_at),
            "expires_at": now + (command.expires_at - command.created_at),
            "training": None,
            "trained": False,
            "retrain": False,
        }
    )
    return renewed if isinstance(message, RunModel) else StartTraining(command=renewed)


def _encoded(message: RunModel | StartTraining, replay_of: str) -> ReplayMessage:
    command = command_of(message)
    trace = {"traceparent": command.traceparent} if command.traceparent else {}
    return ReplayMessage(
        body=message.to_json(),
        message_id=message.message_id,
        operation=command.operation,
        reply_to_session=command.reply_to_session,
        subject=message.kind,
        properties={REPLAY_OF: replay_of, **trace},
    )


def _session(unique: str) -> str:
    """One of 16 addresses that nobody has: the outcome is adopted, and stored for polls.

    The host keeps a session that it has emptied for sessionIdleTimeout: with one each, 2000 outcomes took 26 minutes.
    """
    return f"replay-{unique[0]}"


def _digest(text: str) -> str:
    return hashlib.sha256(f"replay:{text}".encode()).hexdigest()[:32]


def main() -> None:
    operations = Operations(open_store(load(StoreSettings).operations_url))
    secret = Secret(operations, load(PredictSettings).idempotency_secret)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            try:
                answer = runner.run(replay(Kept.model_validate_json(line), operations, secret))
            except Unavailable as error:
                answer = Replay(refused=error.detail)
            except ValidationError as error:
                answer = Replay(refused=f"it was not kept by this app: {error}")
            print(answer.to_json().decode(), flush=True)


if __name__ == "__main__":
    main()
