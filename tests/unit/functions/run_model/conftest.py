from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.unit.functions.run_model.mlflow_store import Store, new_database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, to be copied."""
    return new_database(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def store(tmp_path: Path, template: Path) -> Store:
    """An MLflow store of the test's own."""
    return Store(tmp_path, template)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is asked of MLflow; every call goes through."""
    counted: Counter[str] = Counter()

    def count(name: str) -> None:
        real = getattr(MlflowClient, name)

        def counting(self: MlflowClient, *args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return real(self, *args, **kwargs)

        monkeypatch.setattr(MlflowClient, name, counting)

    for name in (
        "get_run", "get_logged_model", "get_experiment_by_name", "search_runs", "search_logged_models",
        "search_experiments", "set_logged_model_tags",
    ):  # fmt: skip
        count(name)
    return counted
