"""The plain ``mlflow server`` command in a child process: the fall-back of the fast start."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus

from ondemand.lifetime import announce_ready, end_with_parent
from ondemand.mlflow_server.location import Location

STARTUP_TIMEOUT_S = 120.0


def serve_by_command(location: Location, host: str, port: int) -> None:
    """Run ``mlflow server`` until it or this process ends; raises ``TimeoutError`` when it does not come up."""
    options = [
        f"--backend-store-uri={location.database_uri}",
        f"--artifacts-destination={location.artifacts}",
        "--serve-artifacts",
        "--workers=1",
        f"--host={host}",
        f"--port={port}",
    ]
    # The child's standard input is the pipe that closes with this process, however it ends.
    child = subprocess.Popen(  # noqa: S603  # our own module, with options of ours
        [sys.executable, "-m", "ondemand.mlflow_server.command", *options], stdin=subprocess.PIPE, stdout=sys.stderr
    )
    try:
        url = f"http://{host}:{port}"
        _wait_until_healthy(url, child)
        announce_ready(url=url)
        if status := child.wait():
            raise SystemExit(f"mlflow server ended with status {status}")
    finally:
        child.terminate()
        child.wait()


def _wait_until_healthy(url: str, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while not _is_healthy(url):
        if (status := child.poll()) is not None:
            raise SystemExit(f"mlflow server ended with status {status} before it served")
        if time.monotonic() > deadline:
            raise TimeoutError(f"mlflow server did not answer at {url} within {STARTUP_TIMEOUT_S:.0f} s")
        time.sleep(0.1)  # mlflow tells nobody when it serves


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310  # our own http address
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def main() -> None:
    """``mlflow server`` that ends when its standard input closes."""
    from mlflow.cli import cli

    end_with_parent()
    cli(["server", *sys.argv[1:]])


if __name__ == "__main__":
    main()
