"""``python -m ondemand.mlflow_server``: see ``--help``."""

import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from ondemand.lifetime import end_with_parent
from ondemand.mlflow_server.command import serve_by_command
from ondemand.mlflow_server.in_process import PrivateInterfaceChanged, load_application, serve
from ondemand.mlflow_server.location import Location

HOST = "127.0.0.1"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
logger = logging.getLogger("ondemand.mlflow_server")


def main(
    data: Annotated[Path, typer.Option(help="Folder of the database and the artifacts; made if missing.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    end_with_parent_: Annotated[
        bool, typer.Option("--end-with-parent", help="End when standard input closes.")
    ] = False,
    plain: Annotated[bool, typer.Option(help="Run the `mlflow server` command instead of the faster start.")] = False,
) -> None:
    """Serve MLflow on 127.0.0.1 and print one line once it answers."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, _end)
    if end_with_parent_:
        end_with_parent()
    os.environ.update(QUIET)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    location = Location(data)
    listening = _listen(port)
    if not plain:
        try:
            app = load_application(location)
        except PrivateInterfaceChanged as error:
            logger.warning("fast start impossible with this MLflow (%s): running `mlflow server`", error)
        else:
            serve(app, listening)
            return
    port = listening.getsockname()[1]
    listening.close()
    serve_by_command(location, HOST, port)


def _end(signal_number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        raise typer.BadParameter(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
    return listening


if __name__ == "__main__":
    typer.run(main)
