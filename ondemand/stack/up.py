"""``ondemand up``: the stack in the foreground, until Ctrl-C or until a part dies."""

import asyncio
import json
import shlex
import signal
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from ondemand.command import own_command
from ondemand.project import Project
from ondemand.stack.part import PartError
from ondemand.stack.stack import Stack


async def up(stack: Stack, project: Project, console: Console) -> int:
    """Run *stack* until SIGINT or SIGTERM (0), or until a part dies (1); a second signal kills everything at once.

    Raises PartError if a part does not start, and DataFolderError.
    """
    stopping = asyncio.create_task(_signalled(stack, console).wait())
    starting = asyncio.create_task(stack.start())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return 0
    starting.result()
    show_banner(stack, project, console)
    dying = asyncio.create_task(stack.died())
    await asyncio.wait({dying, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await stack.stop()
    if not dying.done():
        dying.cancel()
        return 0
    report(dying.result(), console)
    return 1


def report(error: PartError, console: Console) -> None:
    """Print which part failed and how, with the end of its log."""
    console.print(f"[bold red]{error.name} {error.reason}[/]")
    console.print(str(error).partition("\n")[2], markup=False, highlight=False)


def show_banner(stack: Stack, project: Project, console: Console) -> None:
    """Print all addresses, and a command that sends the project's request if the API is among the parts."""
    serves = "predict" in stack.parts
    addresses = {
        "API": f"{stack.url}/predict" if serves else None,
        "models": f"{stack.url}/models" if serves else None,
        "MLflow": stack.addresses.mlflow,
        "Databricks": stack.addresses.databricks,
        "queues": queues_command(stack) if "broker" in stack.parts else None,
        "catalog": _shown(project.catalog),
        "notebooks": _shown(project.notebooks),
        "logs": _shown(stack.data / "logs"),
    }
    lines = [f"[bold]{name:<11}[/] {address}" for name, address in addresses.items() if address]
    console.print(Panel("\n".join(lines), title="mlflow-ondemand", expand=False))
    if serves and project.request:
        # The file of the sample lies inside the installed package: its text is easier to paste and to change.
        body = json.dumps(project.read_request()) if project.is_sample else f"@{_shown(project.request)}"
        curl = f"curl -s {stack.url}/predict -H 'Content-Type: application/json' -d {shlex.quote(body)}"
        console.print("Ask for a prediction; the first one trains the model:\n")
        console.print(curl + "\n", soft_wrap=True, highlight=False, markup=False)
    console.print("Ctrl-C stops everything.")


def queues_command(stack: Stack) -> str:
    """The command that shows live counts of the stack's queues."""
    usual = stack.data == Path(".ondemand").resolve()
    command = own_command(Path.cwd())
    return f"{command} queues" if usual else f"{command} queues --data {shlex.quote(_shown(stack.data))}"


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _signalled(stack: Stack, console: Console) -> asyncio.Event:
    signalled = asyncio.Event()

    def on_signal() -> None:
        if signalled.is_set():
            stack.kill_now()
        else:
            console.print("stopping (once more to kill)")
            signalled.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return signalled
