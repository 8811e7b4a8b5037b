"""The command line of the broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)

HOST = "127.0.0.1"
DEFAULT_CONFIG = Path(__file__).parents[1] / "servicebus.json"


@app.command()
def broker(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)] = 0,
    config: Annotated[
        Path, typer.Option(help="Queues, in the format of the official Service Bus emulator's Config.json.")
    ] = DEFAULT_CONFIG,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder for what is to survive a restart; without it, everything is forgotten."),
    ] = None,
    end_with_parent: Annotated[bool, typer.Option(help="End when standard input closes.")] = False,
) -> None:
    """Run a Service Bus stand-in on 127.0.0.1 that unmodified azure-servicebus clients can use.

    Prints one line, `ready {"connection_string": "..."}`, once it accepts connections; logs go to standard error.
    """
    # Imported here, so that commands which mount this one start fast.
    from local.broker.config import ConfigError
    from local.broker.journal.frames import JournalError
    from local.broker.run import run

    try:
        run(HOST, port, config, data, end_with_parent=end_with_parent)
    except ConfigError as error:
        raise typer.BadParameter(str(error), param_hint="--config") from error
    except JournalError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
