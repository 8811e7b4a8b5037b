"""A Jobs API with small notebooks of the tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient

from tests.integration.ondemand.parts_databricks import Part, connect, databricks, mlflow_server, started

__all__ = ["databricks", "mlflow_server"]

NOTEBOOKS = Path(__file__).parent / "notebooks"
StartServer = Callable[..., AbstractContextManager[Part]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Part]:
    """One server for every test that leaves it running; its notebooks are in ``/Test``."""
    with started("ondemand.databricks", "--data", tmp_path_factory.mktemp("jobs"), *workspace()) as part:
        yield part


@pytest.fixture
def client(server: Part) -> WorkspaceClient:
    return connect(server.url)


def workspace() -> list[str]:
    return ["--workspace", f"/Test={NOTEBOOKS}"]
