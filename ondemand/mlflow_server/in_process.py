"""MLflow's ASGI application in this process: up in 3 to 5 s, where ``mlflow server`` takes 6 to 48 s.

``mlflow server`` hands its options to its workers in environment variables of private names, so this works with the
pinned version only; ``PrivateInterfaceChanged`` tells the caller to fall back on the command.
"""

import os
import warnings
from socket import socket
from typing import TYPE_CHECKING

import uvicorn

from ondemand.lifetime import announce_ready
from ondemand.mlflow_server.location import Location

if TYPE_CHECKING:
    from starlette.applications import Starlette


class PrivateInterfaceChanged(Exception):
    """This MLflow lacks the private names that the fast start relies on."""


def load_application(location: Location) -> "Starlette":
    """MLflow's application with its tables created, so that its first request is as fast as the others."""
    try:
        # MLflow uses a middleware that Starlette has deprecated: a user of this server can do nothing about it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _set_environment(location)
            from mlflow.server import fastapi_app
            from mlflow.server.handlers import initialize_backend_stores
    except (ImportError, AttributeError) as error:
        raise PrivateInterfaceChanged(str(error)) from error
    initialize_backend_stores(location.database_uri, location.database_uri, "mlflow-artifacts:/")
    app: Starlette = fastapi_app.app
    return app


def _set_environment(location: Location) -> None:
    # mlflow.server configures its security middleware at import, by what stands in the environment then.
    os.environ["_MLFLOW_SERVER_FILE_STORE"] = location.database_uri
    os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"
    from mlflow import server

    os.environ[server.BACKEND_STORE_URI_ENV_VAR] = location.database_uri
    os.environ[server.REGISTRY_STORE_URI_ENV_VAR] = location.database_uri
    os.environ[server.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
    os.environ[server.ARTIFACTS_DESTINATION_ENV_VAR] = location.artifacts
    os.environ[server.SERVE_ARTIFACTS_ENV_VAR] = "true"


class _AnnouncingServer(uvicorn.Server):
    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()
            announce_ready(url=f"http://{host}:{port}")


def serve(app: "Starlette", listening: socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    _AnnouncingServer(config).run(sockets=[listening])
