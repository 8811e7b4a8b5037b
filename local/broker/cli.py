"""The command line of the broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local.broker.journal.fsync import Fsync

app = typer.Typer(add_completion=False)

HOST = "127.0.0.1"
DEFAULT_CONFIG = Path(__file__).parents[1] / "servicebus.json"
DEFAULT_DATA = Path(".broker")


@app.command()
def broker(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)] = 0,
    config: Annotated[
        Path, typer.Option(help="Queues, in the format of the official Service Bus emulator's Config.json.")
    ] = DEFAULT_CONFIG,
    data: Annotated[
        Path | None, typer.Option(help=f"Folder of all that is to survive; {DEFAULT_DATA} unless given.")
    ] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Keep everything in memory, and forget it at the end.")
    ] = False,
    fsync: Annotated[
        Fsync,
        typer.Option(
            help="When what was accepted is on the disk, and survives a crash of the machine: before it is answered; "
            "within 50 ms; or whenever the operating system writes it. A crash of the broker alone costs nothing ever."
        ),
    ] = Fsync.INTERVAL,
    https_port: Annotated[
        int, typer.Option(help="Port of the administration API; 0 takes any free one.", min=0, max=65535)
    ] = 0,
    https: Annotated[bool, typer.Option("--https/--no-https", help="Whether to serve the administration API.")] = True,
    cert: Annotated[
        Path | None,
        typer.Option(help="File to write the certificate of the administration API to; in the data folder otherwise."),
    ] = None,
    end_with_parent: Annotated[bool, typer.Option(help="End when standard input closes.")] = False,
) -> None:
    """Run a Service Bus stand-in on 127.0.0.1 that unmodified azure-servicebus clients can use.

    Prints one line, `ready {"connection_string": "...", "administration": "...", "certificate": "..."}`, once it takes
    connections: what a ServiceBusClient needs, what a ServiceBusAdministrationClient needs, and the file with the
    certificate that the latter is to trust (`connection_verify`). Logs go to standard error.
    """
    # Imported here, so that commands which mount this one start fast.
    from local.broker.config import ConfigError
    from local.broker.journal.frames import JournalError
    from local.broker.run import Options, run

    if memory and data is not None:
        raise typer.BadParameter("--memory keeps nothing, so it goes without --data", param_hint="--memory")
    try:
        run(
            Options(
                host=HOST,
                port=port,
                config=config,
                data=None if memory else data or DEFAULT_DATA,
                fsync=fsync,
                https_port=https_port if https else None,
                certificate=cert,
                end_with_parent=end_with_parent,
            )
        )
    except ConfigError as error:
        raise typer.BadParameter(str(error), param_hint="--config") from error
    except JournalError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
