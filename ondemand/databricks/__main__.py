"""``python -m ondemand.databricks``: see ``--help``."""

import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn

from ondemand.bounded_http import BoundedProtocol, max_connections
from ondemand.databricks.api import create_app
from ondemand.databricks.settings import Settings
from ondemand.databricks.workspace import Mount, Workspace
from ondemand.lifetime import announce_ready, end_with_parent
from ondemand.site_guard import SiteGuard

HOST = "127.0.0.1"
# For the notebooks, which inherit the environment; what is set already stays.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}


class _AnnouncingServer(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            announce_ready(url=f"http://{HOST}:{sockets[0].getsockname()[1]}")


def main(
    data: Annotated[Path, typer.Option(help="Folder for runs and their output; made if missing.")],
    workspace: Annotated[
        list[str], typer.Option(help="A workspace folder and the folder it stands for: /Shared/models=notebooks.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    max_concurrent_runs: Annotated[int, typer.Option(min=1, max=64, help="Further runs are queued.")] = 2,
    token: Annotated[
        str | None, typer.Option(envvar="DATABRICKS_TOKEN", help="The only bearer token accepted; any, when not given.")
    ] = None,
    preload: Annotated[
        bool, typer.Option(help="Fork notebooks from a process that has imported MLflow (Linux only).")
    ] = True,
    end_with_parent_: Annotated[
        bool, typer.Option("--end-with-parent", help="End when standard input closes.")
    ] = False,
) -> None:
    """Serve the Jobs API on 127.0.0.1 and print one line once it answers. Notebooks are executed on this machine."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, _end)
    if end_with_parent_:
        end_with_parent()
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    mounts = _parse_mounts(workspace)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / "dbfs").mkdir(exist_ok=True)
    settings = Settings(data, mounts, max_concurrent_runs, token or None, preload)
    listening = _listen(port)
    BoundedProtocol.max_connections = max_connections()
    config = uvicorn.Config(
        SiteGuard(create_app(settings)),
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    _AnnouncingServer(config).run(sockets=[listening])


def _end(signal_number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _parse_mounts(texts: list[str]) -> Workspace:
    try:
        return Workspace(tuple(Mount.parse(text) for text in texts))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--workspace") from error


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        raise typer.BadParameter(f"cannot listen on {HOST}:{port}: {error.strerror}", param_hint="--port") from error
    return listening


if __name__ == "__main__":
    typer.run(main)
