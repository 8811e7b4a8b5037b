"""The ``ondemand`` command: a new project, the whole stack, the demo, or one part alone."""

import asyncio
import os
import runpy
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ondemand.command import own_command
from ondemand.dead_letters.cli import app as dead_letters
from ondemand.project import Project, ProjectError, create_project, find_project

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Train and serve MLflow models on demand, on this machine.\n\n"
    "To begin: `ondemand init`, then `ondemand up`. To see it work: `ondemand demo`.",
)
app.add_typer(dead_letters, name="dead-letters")
FORWARD = {"ignore_unknown_options": True, "allow_extra_args": True}
STACK_NEEDS = ("azure.functions", "databricks.sdk", "mlflow", "nbformat", "servicebus_broker", "uvicorn")
INSTALL = "pip install ./broker '.[local]', in a checkout"  # servicebus-broker is on no index

CatalogOption = Annotated[
    Path | None,
    typer.Option(
        envvar="CATALOG_FILE",
        exists=True,
        dir_okay=False,
        help="Catalog of model types; models.yaml of the current folder, or the sample that comes with the command.",
    ),
]
NotebooksOption = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        file_okay=False,
        help="Folder that stands for /Shared/mlflow-ondemand of the workspace; notebooks/ of the current folder, "
        "or those of the sample.",
    ),
]


@app.command()
def init(directory: Annotated[Path, typer.Argument(help="Folder of the project; made if missing.")] = Path()) -> None:
    """Make a project that runs at once: a catalog, a notebook that trains, and a request.

    Nothing that is there is overwritten.
    """
    try:
        written = create_project(directory)
    except ProjectError as error:
        raise _failure(str(error)) from None
    for path in written:
        typer.echo(f"wrote {path}")
    enter = "" if directory.resolve() == Path.cwd() else f"cd {shlex.quote(str(directory))} && "
    command = enter + own_command(directory.resolve())
    typer.echo(f"\nNext: {command} demo   trains the model and asks it, then stops")
    typer.echo(f"      {command} up     keeps everything running until Ctrl-C")


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API; 7071 unless given.")] = None,
    data: Annotated[Path, typer.Option(help="Folder of all state; the next start finds it again.")] = Path(".ondemand"),
    catalog: CatalogOption = None,
    notebooks: NotebooksOption = None,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Take any free port for each part.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Start only this part; repeat for several.")] = None,
    otel: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Send traces and metrics to this OTLP collector: http://127.0.0.1:4318."),
    ] = None,
) -> None:
    """Run the whole stack in the foreground until Ctrl-C.

    A part is not started if its address is given by SERVICEBUS_CONNECTION, DATABRICKS_HOST or MLFLOW_TRACKING_URI;
    OPERATIONS_URL gives another operation store.
    """
    project = _checked_project(catalog, notebooks)
    from rich.console import Console

    from ondemand.stack import DataFolderError, PartError, Stack
    from ondemand.stack.stack import PARTS
    from ondemand.stack.up import report
    from ondemand.stack.up import up as run

    if unknown := set(only or ()) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}", param_hint="--only")
    if otel is not None and not otel.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{otel} is no address such as http://127.0.0.1:4318", param_hint="--otel")
    console = Console()
    stack = Stack(
        data,
        free_ports=free_ports,
        port=port,
        only=only or PARTS,
        environ=os.environ | {"CATALOG_FILE": str(project.catalog)},
        workspaces=(project.workspace,),
        otel=otel,
        on_change=lambda part, state: console.print(f"{part:<11} {state}", highlight=False),
    )
    try:
        status = asyncio.run(run(stack, project, console))
    except DataFolderError as error:
        raise _failure(str(error)) from None
    except PartError as error:
        report(error, console)
        status = 1
    raise typer.Exit(status)


@app.command()
def demo(
    catalog: CatalogOption = None,
    notebooks: NotebooksOption = None,
    request: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="File with the request; request.json of the current folder."),
    ] = None,
) -> None:
    """Ask for a prediction, watch the model being trained for it, ask again; then stop everything."""
    project = _checked_project(catalog, notebooks, request)
    from ondemand.demo import run

    try:
        raise typer.Exit(run(project))
    except ProjectError as error:
        raise _failure(str(error)) from None


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
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two readings.")] = 1.0,
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
        raise _failure(str(error)) from None
    except AzureError as error:
        raise _failure(f"no answer: {first_line(error)}") from None


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


def main() -> None:
    """Run the command; say in one line which package is missing."""
    try:
        app()
    except ModuleNotFoundError as error:
        sys.exit(_missing(str(error.name)))


def _checked_project(catalog: Path | None, notebooks: Path | None, request: Path | None = None) -> Project:
    """Find the project and check its catalog, so that a mistake is reported once and before any part starts."""
    _require_the_stack()
    from ondemand.functions_app import CatalogError, check_catalog

    project = find_project(Path(), catalog, notebooks, request)
    try:
        check_catalog(os.environ | {"CATALOG_FILE": str(project.catalog)})
    except CatalogError as error:
        raise _failure(str(error)) from None
    return project


def _require_the_stack() -> None:
    """Report missing packages at once: some parts would fail only at their first request."""
    if missing := [name for name in STACK_NEEDS if not _is_installed(name)]:
        raise _failure(_missing(", ".join(missing)))


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def _missing(names: str) -> str:
    return f"not installed: {names}; the stack needs {INSTALL}"


def _failure(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)


def _run_module(module: str, arguments: list[str]) -> None:
    _require_the_stack()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
