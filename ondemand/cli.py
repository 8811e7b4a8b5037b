"""The ``ondemand`` command: the whole stack, the demo, or one part alone."""

import asyncio
import os
import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train and serve MLflow models on demand, locally.")
FORWARD = {"ignore_unknown_options": True, "allow_extra_args": True}


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API; 7071 unless given.")] = None,
    data: Annotated[Path, typer.Option(help="Folder of all state; the next start finds it again.")] = Path(".ondemand"),
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Take any free port for each part.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Start only this part; repeat for several.")] = None,
) -> None:
    """Run the whole stack in the foreground until Ctrl-C.

    A part is not started if its address is given by SERVICEBUS_CONNECTION, DATABRICKS_HOST or MLFLOW_TRACKING_URI;
    OPERATIONS_URL gives another operation store.
    """
    _check_catalog()
    from rich.console import Console

    from ondemand.stack import DataFolderError, PartError, Stack
    from ondemand.stack.stack import PARTS
    from ondemand.stack.up import report
    from ondemand.stack.up import up as run

    if unknown := set(only or ()) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}", param_hint="--only")
    console = Console()
    stack = Stack(
        data,
        free_ports=free_ports,
        port=port,
        only=only or PARTS,
        on_change=lambda part, state: console.print(f"{part:<11} {state}", highlight=False),
    )
    try:
        status = asyncio.run(run(stack, console))
    except DataFolderError as error:
        console.print(f"[bold red]{error}[/]")
        status = 1
    except PartError as error:
        report(error, console)
        status = 1
    raise typer.Exit(status)


@app.command()
def demo() -> None:
    """Ask for a prediction, watch the model being trained for it, ask again; then stop everything."""
    _check_catalog()
    from ondemand.demo import run

    raise typer.Exit(run())


@app.command(context_settings=FORWARD, add_help_option=False)
def broker(context: typer.Context) -> None:
    """Run the Service Bus broker alone, with the queues of this product unless --queue or --config names others."""
    from servicebus_broker.cli import app as command

    from ondemand.functions_app import QUEUES

    named = any(each.partition("=")[0] in {"--queue", "--config", "--help"} for each in context.args)
    command([*context.args, *(() if named else ("--config", str(QUEUES)))], prog_name=context.command_path)


@app.command()
def queues(
    connection: Annotated[
        str | None,
        typer.Option(
            envvar="SERVICEBUS_ADMIN_CONNECTION",
            help="Connection string for administration, or a namespace; else the broker of the data folder.",
        ),
    ] = None,
    cert: Annotated[
        Path | None, typer.Option(help="Certificate to trust, if --connection is a local broker's.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder of `ondemand up` or `ondemand broker`; .ondemand or .broker if none."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the counts and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON, once.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
) -> None:
    """Show how many messages each queue has, active, scheduled and dead-lettered.

    In a terminal, until Ctrl-C; elsewhere, once.
    """
    from azure.core.exceptions import AzureError
    from rich.console import Console

    from ondemand.queues import NoBrokerError, endpoint, first_line, show_live, show_once

    console = Console()
    try:
        found = endpoint(connection, cert, data)
        if once or as_json or not console.is_terminal:
            show_once(found, console, as_json=as_json)
        else:
            show_live(found, console, interval)
    except KeyboardInterrupt:
        return
    except NoBrokerError as error:
        message = str(error)
    except AzureError as error:
        message = f"no answer: {first_line(error)}"
    else:
        return
    typer.echo(message, err=True)
    raise typer.Exit(1)


@app.command(context_settings=FORWARD, add_help_option=False)
def host(context: typer.Context) -> None:
    """Run the functions host alone."""
    _run_module("ondemand.host", context.args)


@app.command(context_settings=FORWARD, add_help_option=False)
def databricks(context: typer.Context) -> None:
    """Run the Databricks Jobs API alone."""
    _run_module("ondemand.databricks", context.args)


@app.command(context_settings=FORWARD, add_help_option=False)
def mlflow(context: typer.Context) -> None:
    """Run the MLflow server alone."""
    _run_module("ondemand.mlflow_server", context.args)


def _check_catalog() -> None:
    """Say once what is wrong with the catalog, which every part reads, before any of them starts."""
    from ondemand.functions_app import CatalogError, check_catalog

    try:
        check_catalog(os.environ)
    except CatalogError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _run_module(module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    app()
