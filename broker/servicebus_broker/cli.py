"""The command line of the broker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from servicebus_broker.journal.fsync import Fsync
from servicebus_broker.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from servicebus_broker.queues.settings import QueueSettings

app = typer.Typer(add_completion=False)

HOST = "127.0.0.1"
DEFAULT_DATA = Path(".broker")
_KEY = re.compile(r"[!-:<-~]+")  # ASCII that is printed, without the semicolon


@app.command()
def broker(
    port: Annotated[int, typer.Option(help="Port for messages; 0 takes any free one.", min=0, max=65535)] = 5672,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[,session][,dup]",
            help="A queue, optionally with sessions or duplicate detection; repeatable.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Queues, in the format of the official emulator's Config.json."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help=f"Folder of everything that survives; {DEFAULT_DATA} unless given.")
    ] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Keep everything in memory, and lose it at the end.")
    ] = False,
    fsync: Annotated[
        Fsync,
        typer.Option(
            help="When data is on the disk, in case the machine crashes: before a client is answered; within 50 ms; or "
            "when the operating system writes it."
        ),
    ] = Fsync.INTERVAL,
    https_port: Annotated[
        int, typer.Option(help="Port of the administration API; 0 takes any free one.", min=0, max=65535)
    ] = 0,
    https: Annotated[bool, typer.Option("--https/--no-https", help="Whether to serve the administration API.")] = True,
    cert: Annotated[
        Path | None,
        typer.Option(help="File to write the certificate of the administration API to; else it is in the data folder."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Key that clients must have in their connection string; else a random one, kept in the data folder.",
            envvar="SERVICEBUS_BROKER_KEY",
            show_envvar=True,
        ),
    ] = None,
    max_connections: Annotated[
        int, typer.Option(help="Connections at a time; one more is closed with an error.", min=1)
    ] = DEFAULT_LIMITS.max_connections,
    keep_session_locks: Annotated[
        bool,
        typer.Option(
            "--keep-session-locks",
            help="A session stays locked until its lock expires when its client is gone without a word, as it may in "
            "Service Bus; else it is free at once.",
        ),
    ] = False,
    end_with_parent: Annotated[bool, typer.Option("--end-with-parent", help="End when standard input closes.")] = False,
) -> None:
    """Run a stand-in for Azure Service Bus on 127.0.0.1, for unmodified azure-servicebus clients.

    It starts with the queues of --queue and --config, and with those of the data folder; administration creates others.
    Everything that a client was told survives the end of this process, also by kill -9, unless --memory is given.

    Once it serves, it prints one line on standard output, ready {"connection_string": ..., "administration": ...,
    "certificate": ...}: for a ServiceBusClient, for a ServiceBusAdministrationClient, and the file that the latter must
    trust (connection_verify). Clients that do not know the key in these strings are refused. At a terminal it says the
    same in words too. Logs go to standard error.

    SIGTERM and Ctrl-C end it with status 0. If it cannot start, it prints one line on standard error and ends with
    status 2; if the disk fails while it runs, it ends with status 1.
    """
    # Imported here, so that --help, and commands that contain this one, start fast.
    from servicebus_broker.config import ConfigError
    from servicebus_broker.journal.commits import DiskFailedError
    from servicebus_broker.journal.frames import JournalError
    from servicebus_broker.run import Options, StartError, run

    if memory and data is not None:
        raise _refusal("--memory keeps nothing, so it goes without --data")
    if key is not None and not _KEY.fullmatch(key):
        raise _refusal("--key has characters that a connection string cannot have, or none")
    try:
        run(
            Options(
                host=HOST,
                port=port,
                queues=_queues(queue or [], config),
                data=None if memory else data or DEFAULT_DATA,
                fsync=fsync,
                https_port=https_port if https else None,
                certificate=cert,
                key=key,
                max_connections=max_connections,
                keep_session_locks=keep_session_locks,
                end_with_parent=end_with_parent,
            )
        )
    except (ConfigError, StartError, JournalError) as error:
        raise _refusal(str(error)) from error
    except DiskFailedError as error:
        raise _end(str(error), 1) from error


def _queues(options: list[str], config: Path | None) -> list[QueueSettings]:
    """Raises ConfigError."""
    from servicebus_broker.config import ConfigError, read_config
    from servicebus_broker.queue_option import parse_queues

    named = parse_queues(options)
    if config is None:
        return named
    queues = read_config(config)
    taken = {each.name.lower() for each in queues}
    for each in named:
        if each.name.lower() in taken:
            raise ConfigError(f"--queue {each.name} is in {config} too")
    return queues + named


def _refusal(reason: str) -> typer.Exit:
    return _end(reason, 2)


def _end(reason: str, status: int) -> typer.Exit:
    typer.echo(f"broker: {reason}", err=True)
    return typer.Exit(status)
