"""The commands. Every import that takes long is inside them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver

    from ondemand.dead_letters.connection import Bus
    from ondemand.dead_letters.letter import Selection

app = typer.Typer(
    no_args_is_help=True, help="Messages that failed for good: list them, show one, send them again, delete them."
)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DEFAULT_LIMIT = 1000
WIDTH_OF_A_PIPE = 200

ConnectionOption = Annotated[
    str | None,
    typer.Option(
        envvar="SERVICEBUS_CONNECTION",
        show_envvar=True,
        help="Connection string, or host name of a namespace; else the stack that runs on the data folder.",
    ),
]
DataOption = Annotated[Path, typer.Option(help="Data folder of `ondemand up`.")]
NumbersArgument = Annotated[list[int] | None, typer.Argument(help="Numbers, as `list` shows them.")]
QueueOption = Annotated[str | None, typer.Option(help="Only those that failed in this queue.")]
OperationOption = Annotated[str | None, typer.Option(help="Only those of this operation (run id).")]
OlderOption = Annotated[str | None, typer.Option(help="Only those that failed longer ago: 30s, 15m, 2h, 3d.")]
NewerOption = Annotated[str | None, typer.Option(help="Only those that failed within this time.")]
NotKeptOption = Annotated[
    str | None,
    typer.Option(
        "--dead-letter-queue-of",
        help="Look into the dead-letter queue of this queue instead, where messages wait while no predict runs.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every message; otherwise a number or a filter is needed.")]
LimitOption = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the oldest first.")]
DATA = Path(".ondemand")


@app.command("list")
def list_(
    connection: ConnectionOption = None,
    data: DataOption = DATA,
    queue: QueueOption = None,
    operation: OperationOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    not_kept_yet: NotKeptOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the messages: when, where and why each failed, and whose it was."""
    from rich.console import Console

    from ondemand.dead_letters import view
    from ondemand.dead_letters.failed_queue import letters

    selection = _selection(None, queue, operation, older_than, newer_than)
    with _receiver(connection, data, not_kept_yet) as (_, _, receiver):
        found = list(islice(letters(receiver, selection, not_kept_yet or ""), limit + 1))
    more = len(found) > limit
    if as_json:
        typer.echo(json.dumps([view.document(each) for each in found[:limit]], indent=2))
    else:
        shown = view.table(found[:limit], f"the first {limit}; there are more" if more else None)
        # A pipe has no width, so nothing has to be folded there.
        Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE).print(shown)


@app.command()
def show(
    number: Annotated[int, typer.Argument(help="Number, as `list` shows it.")],
    connection: ConnectionOption = None,
    data: DataOption = DATA,
    not_kept_yet: NotKeptOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one message with all that is known of it, and its body."""
    from rich.console import Console

    from ondemand.dead_letters import view
    from ondemand.dead_letters.failed_queue import peek
    from ondemand.dead_letters.letter import DeadLetter, body_of

    with _receiver(connection, data, not_kept_yet) as (_, _, receiver):
        message = next(peek(receiver, number), None)
    if message is None or message.sequence_number != number:
        raise _failure(f"there is no message {number}")
    letter, body = DeadLetter.of(message, not_kept_yet or ""), body_of(message)
    if as_json:
        typer.echo(json.dumps(view.document(letter, body), indent=2))
    else:
        Console().print(view.details(letter, body))


@app.command()
def replay(
    numbers: NumbersArgument = None,
    connection: ConnectionOption = None,
    data: DataOption = DATA,
    queue: QueueOption = None,
    operation: OperationOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    all_: AllOption = False,
    limit: LimitOption = DEFAULT_LIMIT,
) -> None:
    """Send messages again, each as a new operation with a new deadline; its run id is printed and can be polled.

    Large rows lie in the operation store: once they have expired there, the message is left as it is and that is said.
    """
    from ondemand.dead_letters import view
    from ondemand.dead_letters.failed_queue import take
    from ondemand.dead_letters.replay import Replayer

    selection = _chosen(_selection(numbers, queue, operation, older_than, newer_than), all_)
    sent = 0
    with _receiver(connection, data) as (bus, client, receiver):
        if bus.operations is None:
            raise _failure("set OPERATIONS_URL: the new operation is polled in the operation store of the app")
        found = _found(receiver, selection, limit)
        with Replayer(client, os.environ | {"OPERATIONS_URL": bus.operations}) as replayer:

            def handle(message: ServiceBusReceivedMessage) -> bool:
                nonlocal sent
                result = replayer.send(message)
                typer.echo(view.replayed_line(result))
                sent += result.refused is None
                return result.refused is None

            gone = take(receiver, found, handle)
    _report_gone(gone)
    if sent < len(found):
        raise typer.Exit(1)


@app.command()
def purge(
    numbers: NumbersArgument = None,
    connection: ConnectionOption = None,
    data: DataOption = DATA,
    queue: QueueOption = None,
    operation: OperationOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    all_: AllOption = False,
    limit: LimitOption = DEFAULT_LIMIT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete messages for good."""
    from ondemand.dead_letters.failed_queue import take

    selection = _chosen(_selection(numbers, queue, operation, older_than, newer_than), all_)
    with _receiver(connection, data) as (_, _, receiver):
        found = _found(receiver, selection, limit)
        if found and not yes:
            typer.confirm(f"Delete {len(found)} message{'' if len(found) == 1 else 's'} for good?", abort=True)
        gone = take(receiver, found, lambda _: True)
    _report_gone(gone)
    typer.echo(f"deleted {len(found) - len(gone)}")


@contextmanager
def _receiver(
    connection: str | None, data: Path, not_kept_yet: str | None = None
) -> Iterator[tuple[Bus, ServiceBusClient, ServiceBusReceiver]]:
    """A receiver of the queue `failed`, or of a dead-letter queue; what goes wrong with it is told in one line."""
    from azure.core.exceptions import AzureError
    from azure.servicebus import ServiceBusSubQueue
    from azure.servicebus.exceptions import MessagingEntityNotFoundError

    from ondemand.dead_letters.connection import NoBusError, find_bus, open_client
    from ondemand.dead_letters.failed_queue import FAILED, TooManyBeforeError
    from ondemand.dead_letters.replay import ReplayError

    try:
        bus = find_bus(connection, data, os.environ)
        sub_queue = ServiceBusSubQueue.DEAD_LETTER if not_kept_yet else None
        with (
            open_client(bus) as client,
            client.get_queue_receiver(not_kept_yet or FAILED, sub_queue=sub_queue) as receiver,
        ):
            yield bus, client, receiver
    except (NoBusError, TooManyBeforeError, ReplayError) as error:
        raise _failure(str(error)) from None
    except MessagingEntityNotFoundError:
        missing = not_kept_yet or FAILED
        raise _failure(f"the namespace lacks a queue {missing!r}; see ondemand/servicebus.json") from None
    except AzureError as error:
        whose = "" if connection else f" from the stack on {data}, which `ondemand up` starts"
        raise _failure(f"no answer{whose}: {str(error).partition(chr(10))[0]}") from None


def _found(receiver: ServiceBusReceiver, selection: Selection, limit: int) -> set[int]:
    from ondemand.dead_letters.failed_queue import letters

    found = {letter.number for letter in islice(letters(receiver, selection), limit)}
    if missing := selection.numbers - found:
        typer.echo(f"not there: {', '.join(map(str, sorted(missing)))}", err=True)
    if not found:
        typer.echo("no message is meant", err=True)
        raise typer.Exit(1 if selection.numbers else 0)
    return found


def _report_gone(gone: set[int]) -> None:
    if gone:
        numbers = ", ".join(map(str, sorted(gone)))
        typer.echo(f"not received, another command may hold them: {numbers}", err=True)


def _chosen(selection: Selection, all_: bool) -> Selection:
    if selection.is_everything and not all_:
        raise typer.BadParameter("name messages by number or by a filter, or give --all")
    return selection


def _selection(
    numbers: list[int] | None, queue: str | None, operation: str | None, older: str | None, newer: str | None
) -> Selection:
    from ondemand.dead_letters.letter import Selection

    return Selection(frozenset(numbers or ()), queue, operation, _ago(older), _ago(newer))


def _ago(text: str | None) -> datetime | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no time such as 30s, 15m, 2h or 3d")
    return datetime.now(UTC) - timedelta(**{UNITS[match[2]]: int(match[1])})


def _failure(message: str) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(1)
