"""Which models prove that they answer for a key, and which of a run's models does."""

import mlflow
import mlflow.sklearn
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.dummy import DummyRegressor

from functions.run_model.lookup import (
    NotFound,
)
from tests.unit.functions.run_model.mlflow_store import KEY, OTHER_KEY, VALUES, Store


def test_the_checkpoint_of_the_largest_step_answers(store: Store) -> None:
    run = store.run()
    models = {step: store.model(run, step=step) for step in (3, 10, 2)}
    assert store.found() == models[10]


def test_of_one_step_the_newest_model_answers(store: Store) -> None:
    """Autolog logs one, and the notebook another."""
    run = store.run()
    store.model(run)
    newest = store.model(run)
    store.model(run, step=-1)
    assert store.found() == newest


@pytest.mark.parametrize("order", ["input_uuid", "input_uuid DESC"])
def test_the_order_of_the_store_decides_nothing(store: Store, order: str) -> None:
    run = store.run()
    models = [store.model(run, step=step) for step in range(5)]
    store.sql(f"CREATE TABLE shuffled AS SELECT * FROM inputs ORDER BY {order}")
    store.sql("DELETE FROM inputs")
    store.sql("INSERT INTO inputs SELECT * FROM shuffled")
    assert store.found() == models[-1]


def test_models_of_another_name_and_unfinished_ones_are_passed_over(store: Store) -> None:
    run = store.run()
    right = store.model(run, step=1)
    store.model(run, step=2, name="scaler")
    store.model(run, step=3, status="PENDING")
    store.model(run, step=4, status="FAILED")
    assert store.found() == right


def test_a_deleted_checkpoint_leaves_the_one_before_it(store: Store) -> None:
    run = store.run()
    before, deleted = store.model(run, step=1), store.model(run, step=2)
    store.client.delete_logged_model(deleted)
    assert store.found() == before


def test_a_run_whose_only_model_is_deleted_has_none(store: Store) -> None:
    run = store.run()
    store.client.delete_logged_model(store.model(run))
    assert store.look_up() == NotFound(runs_without_model=(run,))


@pytest.fixture
def notebook(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store as the one that notebooks log to. (`set_tracking_uri` would stay for the tests after this one.)"""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", store.experiment)
    return store


def log(value: float, step: int = 0) -> str:
    rows = pd.DataFrame({"a": [0.0, 1.0]})
    model = DummyRegressor(strategy="constant", constant=value).fit(rows, [0.0, 1.0])
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        step=step,
        signature=infer_signature(rows, model.predict(rows)),
        pip_requirements=[],
        serialization_format="cloudpickle",
    )
    return str(logged.model_id)


def test_a_notebook_that_logs_checkpoints(notebook: Store) -> None:
    with mlflow.start_run():
        mlflow.log_params(VALUES)
        models = [log(float(step), step) for step in range(3)]
    assert notebook.found() == models[-1]


def test_a_notebook_that_logs_its_trials_as_child_runs(notebook: Store) -> None:
    with mlflow.start_run():
        mlflow.log_params(VALUES)
        for trial in range(2):
            with mlflow.start_run(nested=True):
                mlflow.log_params(VALUES | {"trial": trial})
                log(100.0 + trial)
        assert notebook.found() is None  # another client asks meanwhile
        winner = log(1.0)
    assert notebook.found() == winner


def test_another_experiments_model_is_neither_found_nor_tagged(store: Store) -> None:
    elsewhere = store.client.create_experiment("/Shared/beer")
    foreign = store.model(store.run(experiment=elsewhere), experiment=elsewhere, key=OTHER_KEY)
    run = store.run()
    store.name_output(run, foreign)
    assert store.look_up() == NotFound(runs_without_model=(run,))
    assert store.key_of(foreign) == OTHER_KEY


def test_another_runs_model_is_neither_found_nor_tagged(store: Store) -> None:
    other = store.model(store.run({"alpha": "0.7", "depth": "5"}))
    store.name_output(store.run(), other)
    assert store.found() is None
    assert store.key_of(other) is None


def test_a_model_without_a_source_run_is_not_used(store: Store) -> None:
    model = store.model(None, key=KEY)
    store.name_output(store.run(), model)
    assert store.found() is None


@pytest.mark.parametrize("output", ["model/1", "m-../../x", "", "m-1\n"])
def test_an_output_that_is_no_model_id_is_passed_over(store: Store, output: str) -> None:
    run = store.run()
    right = store.model(run)
    store.name_output(run, output, step=9)
    assert store.found() == right
