"""``python -m ondemand.host``: run a function app on this machine."""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from ondemand.host.app_settings import load_local_settings, local_cors
from ondemand.host.ending import end_soon, watch_loop
from ondemand.host.errors import HostError
from ondemand.host.function_timeout import INHERITED_SOCKET, listening_socket, start_again
from ondemand.host.index import index_functions
from ondemand.host.options import read_host_options
from ondemand.host.worker.choice import choose_worker
from ondemand.lifetime import end_with_parent

# Plain tracebacks: this output is a log file most of the time.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    script_root: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of function_app.py and host.json.")
    ] = Path(),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the HTTP triggers; 0 takes any free one.")
    ] = 7071,
    drain_timeout: Annotated[float, typer.Option(help="Seconds running invocations get at the end.")] = 30.0,
    end_with_parent_: Annotated[
        bool, typer.Option("--end-with-parent", help="End when standard input closes, for whoever started this.")
    ] = False,
) -> None:
    """Run the functions of an Azure Functions app (Python v2), as `func start` would.

    Reads host.json and local.settings.json. AzureFunctionsJobHost__functions__0, __1, ... name the functions to start;
    without them all are. Function keys are not checked.
    """
    if end_with_parent_:
        end_with_parent()
    try:
        uvloop.run(_run(script_root.resolve(), port, drain_timeout))
    except HostError as error:
        sys.exit(f"ondemand.host: {error}")


async def _run(script_root: Path, port: int, drain_timeout: float) -> None:
    started_in, is_new = Path.cwd(), INHERITED_SOCKET not in os.environ
    os.chdir(script_root)
    load_local_settings(script_root, os.environ)
    options = read_host_options(script_root, os.environ)
    _log_to_stderr(options.log_level)
    worker = choose_worker()
    functions = await index_functions(worker, script_root, os.environ, options.starts)
    # After the app, which may know a quicker way to import the SDK that the server needs too.
    from ondemand.host.server import Host

    try:
        listening = listening_socket(port)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise HostError(f"port {port}: {reason}; --port takes another one, 0 any free one") from error
    with listening:
        if options.function_timeout is not None:
            loop = asyncio.get_running_loop()
            watch_loop(loop, options.function_timeout, lambda: start_again(listening, started_in))
        if await Host(functions, options, worker, local_cors(script_root)).run(listening, drain_timeout, is_new):
            start_again(listening, started_in)  # before the loop ends, which would wait for threads
    end_soon()


def _log_to_stderr(level: int) -> None:
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("azure", "uvicorn", "httpx"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


if __name__ == "__main__":
    app()
