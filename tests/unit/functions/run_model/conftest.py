from pathlib import Path

import pytest

from tests.unit.functions.run_model.mlflow_store import Store, new_database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, to be copied."""
    return new_database(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def store(tmp_path: Path, template: Path) -> Store:
    """An MLflow store of the test's own."""
    return Store(tmp_path, template)
