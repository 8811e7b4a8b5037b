"""Real processes of the Jobs API and of MLflow, as fixtures. Import the fixtures where they are used."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

CHECKOUT = Path(__file__).parents[3]
DEADLINE = 60.0


@dataclass(frozen=True)
class Part:
    """A process of the local stack that serves at ``url``."""

    url: str
    process: subprocess.Popen[str]

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE)


@contextmanager
def started(module: str, *arguments: str | Path, **environment: str) -> Iterator[Part]:
    """A part that has announced its address; it is gone, with what it started, when the context ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments), "--end-with-parent"],
        cwd=CHECKOUT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            word, _, addresses = process.stdout.readline().partition(" ")
            assert word == "ready", f"{module} ended with {process.wait(DEADLINE)} before it was ready"
            yield Part(json.loads(addresses)["url"], process)
        finally:
            process.terminate()
            process.wait(DEADLINE)


def connect(url: str, token: str = "any") -> WorkspaceClient:
    return WorkspaceClient(config=Config(host=url, token=token, retry_timeout_seconds=5, http_timeout_seconds=DEADLINE))


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a tracking server."""
    with started("ondemand.mlflow_server", "--data", tmp_path_factory.mktemp("mlflow")) as part:
        yield part.url


@pytest.fixture(scope="session")
def databricks(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str) -> Iterator[str]:
    """Address of a Jobs API that has the checkout's notebooks and logs to ``mlflow_server``."""
    data = tmp_path_factory.mktemp("databricks")
    workspace = "/Shared/mlflow-ondemand=notebooks"
    with started(
        "ondemand.databricks", "--data", data, "--workspace", workspace, MLFLOW_TRACKING_URI=mlflow_server
    ) as part:
        yield part.url
