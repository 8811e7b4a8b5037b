import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import mlflow
import mlflow.sklearn
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.dummy import DummyRegressor

from functions.errors import Unavailable
from functions.run_model.lookup import (
    KEY_TAG,
    MERGING_TAG,
    Found,
    Lookup,
    NotFound,
)
from functions.run_model.mlflow_client import mlflow_client
from tests.unit.functions.run_model.mlflow_store import ENTRY, KEY, VALUES, Store

OTHER_KEY = "0" * 64


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


# Which of a run's models


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


# What notebooks do


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


# Whose models


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


# Which run


def test_the_newest_finished_run_answers(store: Store) -> None:
    store.model(store.run())
    newest = store.model(store.run())
    store.model(store.run(status="FAILED"))
    store.model(store.run(status="RUNNING"))
    assert store.found() == newest


def test_another_spelling_of_the_values_is_the_same(store: Store) -> None:
    model = store.model(store.run({"alpha": "5.0e-1", "depth": "5.0"}))
    assert store.found() == model


def test_a_newer_run_without_a_model_hides_no_older_one(store: Store) -> None:
    model = store.model(store.run())
    store.run()
    assert store.found() == model


def test_a_run_comes_before_its_child_runs(store: Store) -> None:
    """A search logs its trials as child runs, more of them than a page holds, and the winner itself."""
    search = store.run()
    for _ in range(12):
        store.model(store.run(parent=search), step=5)
    winner = store.model(search)
    assert store.found() == winner


def test_the_oldest_run_of_a_line_comes_first(store: Store) -> None:
    top = store.run()
    middle = store.run(parent=top)
    store.model(store.run(parent=middle))
    store.model(middle)
    right = store.model(top)
    assert store.found() == right


def test_a_trial_below_a_run_without_parameters_stays_a_trial(store: Store) -> None:
    top = store.run()
    store.model(store.run(parent=store.run({}, parent=top)))
    right = store.model(top)
    assert store.found() == right


def test_an_older_run_of_its_own_comes_before_a_newer_child(store: Store) -> None:
    own = store.model(store.run())
    store.model(store.run(parent=store.run()))
    assert store.found() == own


def test_child_runs_answer_when_no_run_above_them_has_a_model(store: Store) -> None:
    search = store.run()
    store.model(store.run(parent=search))
    newest = store.model(store.run(parent=search))
    assert store.found() == newest


def test_a_child_of_a_run_with_other_parameters_is_a_run_like_any_other(store: Store) -> None:
    """A pipeline of several trainings."""
    store.model(store.run())
    newest = store.model(store.run(parent=store.run({"stage": "nightly"})))
    assert store.found() == newest


@pytest.mark.parametrize("status", ["RUNNING", "SCHEDULED", "FAILED", "KILLED"])
@pytest.mark.parametrize("parameters", [{}, {"alpha": "0.5", "depth": "5"}])
def test_a_trial_is_no_answer_before_its_search_has_finished(
    store: Store, status: str, parameters: dict[str, str]
) -> None:
    search = store.run(parameters, status=status)
    trial = store.model(store.run(parent=search))
    assert store.found() is None
    assert store.key_of(trial) is None


def test_a_trial_of_a_deleted_search_is_no_answer(store: Store) -> None:
    search = store.run()
    store.model(store.run(parent=search))
    store.client.delete_run(search)
    assert store.found() is None


@pytest.mark.parametrize("parent", ["f" * 32, "no run id"])
def test_a_parent_that_does_not_exist_is_none(store: Store, parent: str) -> None:
    model = store.model(store.run(parent=parent))
    assert store.found() == model


def test_a_run_that_is_its_own_ancestor_ends_the_search_all_the_same(store: Store) -> None:
    run = store.run()
    store.client.set_tag(run, "mlflow.parentRunId", run)
    model = store.model(run)
    assert store.found() == model


# The tag


def test_a_hit_is_tagged_and_found_by_its_tag(store: Store, calls: Counter[str]) -> None:
    run = store.run()
    model = store.model(run)
    assert store.look_up() == Found(model, run)
    assert store.key_of(model) == KEY
    calls.clear()
    assert store.look_up() == Found(model, run)
    assert calls == {"search_logged_models": 1, "get_run": 1}


def test_a_hit_by_parameters_and_a_miss_cost_few_calls(store: Store, calls: Counter[str]) -> None:
    store.found()
    assert calls == {"get_experiment_by_name": 1, "search_logged_models": 1, "search_runs": 2}
    store.model(store.run())
    calls.clear()
    store.found()
    found_by_parameters = {"search_runs": 1, "get_logged_model": 1, "set_logged_model_tags": 1}
    assert calls == {"get_experiment_by_name": 1, "search_logged_models": 1} | found_by_parameters


def test_the_tag_moved_by_hand_to_another_model_of_these_parameters_is_obeyed(store: Store) -> None:
    run = store.run()
    first, last = store.model(run, step=1), store.model(run, step=2)
    older = store.model(store.run())
    for model in (first, older):
        assert isinstance(store.look_up(), Found)
        for each in (first, last, older):
            if store.key_of(each):
                store.client.delete_logged_model_tag(each, KEY_TAG)
        store.client.set_logged_model_tags(model, {KEY_TAG: KEY})
        assert store.found() == model


def test_a_model_that_may_not_be_tagged_answers_all_the_same(store: Store) -> None:
    model = store.model(store.run())
    store.sql("CREATE TRIGGER denied BEFORE INSERT ON logged_model_tags BEGIN SELECT RAISE(ABORT, 'denied'); END")
    found = store.look_up()
    assert isinstance(found, Found)
    assert found.model_id == model
    assert store.key_of(model) is None
    assert store.still_there(found)


LIES: dict[str, Callable[[Store], object]] = {
    "another name": lambda store: store.model(store.run(), name="scaler", key=KEY),
    "not ready": lambda store: store.model(store.run(), status="PENDING", key=KEY),
    "other parameters": lambda store: store.model(store.run({"alpha": "0.7", "depth": "5"}), key=KEY),
    "missing parameters": lambda store: store.model(store.run({"alpha": "0.5"}), key=KEY),
    "values that are none": lambda store: store.model(store.run({"alpha": "x", "depth": "5"}), key=KEY),
    "no run": lambda store: store.model("f" * 32, output=False, key=KEY),
    "no run's id": lambda store: store.model("../runs", output=False, key=KEY),
    "a failed run": lambda store: store.model(store.run(status="FAILED"), key=KEY),
    "a running run": lambda store: store.model(store.run(status="RUNNING"), key=KEY),
    "no output of its run": lambda store: store.model(store.run(), output=False, key=KEY),
    "a run of another experiment": lambda store: store.model(
        store.run(experiment=store.client.create_experiment("/Shared/beer")), key=KEY
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tag_that_lies_is_ignored_and_told(store: Store, lie: str, caplog: pytest.LogCaptureFixture) -> None:
    right = store.model(store.run())
    liar = LIES[lie](store)
    with caplog.at_level(logging.WARNING, "functions"):
        assert store.found() == right
    assert f"model {liar} bears the tag" in caplog.text
    assert store.key_of(right) == KEY
    assert store.found() == right


@pytest.mark.parametrize("lie", LIES)
def test_a_tag_that_lies_is_no_answer_when_nothing_else_is_there(store: Store, lie: str) -> None:
    LIES[lie](store)
    assert isinstance(store.look_up(), NotFound)


def test_a_tag_in_another_experiment_is_not_even_seen(store: Store) -> None:
    elsewhere = store.client.create_experiment("/Shared/beer")
    store.model(store.run(experiment=elsewhere), experiment=elsewhere, key=KEY)
    assert isinstance(store.look_up(), NotFound)


def test_a_deleted_run_takes_its_model_with_it(store: Store) -> None:
    run = store.run()
    store.model(run)
    assert store.found()
    store.client.delete_run(run)
    assert store.look_up() == NotFound()
    store.client.restore_run(run)
    assert store.found()


def test_a_deleted_model_is_gone(store: Store) -> None:
    run = store.run()
    model = store.model(run)
    assert store.found() == model
    store.client.delete_logged_model(model)
    assert store.look_up() == NotFound(runs_without_model=(run,))


def test_types_that_share_an_experiment_find_their_own_models(store: Store) -> None:
    """One run may log a model for each of them."""
    run = store.run()
    wine, beer = store.model(run), store.model(run, name="beer", step=7)
    other = ENTRY.model_copy(update={"artifact_name": "beer"})
    for _ in range(2):
        assert store.found() == wine
        assert store.found(other, OTHER_KEY) == beer


# The experiment


def test_an_experiment_that_was_replaced_is_noticed(store: Store) -> None:
    former = store.model(store.run())
    assert store.found() == former
    store.client.rename_experiment(store.experiment, "former")
    store.client.delete_run(store.client.get_logged_model(former).source_run_id)
    store.experiment = store.client.create_experiment(ENTRY.experiment)
    new = store.model(store.run(), key=KEY)
    assert store.found() == new


def test_a_deleted_experiment_has_no_models(store: Store) -> None:
    store.model(store.run())
    assert store.found()
    store.client.delete_experiment(store.experiment)
    assert store.look_up() == NotFound()


def test_values_that_are_unsafe_in_a_filter_are_compared_one_by_one(store: Store) -> None:
    text = "x' OR params.`alpha` = 'y"
    entry = ENTRY.model_validate(ENTRY.model_dump() | {"parameters": {"note": {"type": "str", "required": True}}})
    store.model(store.run({"note": "x"}))
    model = store.model(store.run({"note": text}))
    assert store.lookup.find(entry, {"note": text}, KEY) == Found(
        model, store.client.get_logged_model(model).source_run_id
    )
    assert isinstance(store.lookup.find(entry, {"note": "x\n"}, OTHER_KEY), NotFound)


def test_a_key_that_is_no_key_is_never_asked_for(store: Store) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal"):
        store.look_up(key="' OR 1=1")


def test_mlflow_out_of_reach_is_no_miss() -> None:
    found = Found("m-1", "1")
    lookup = Lookup(lambda: mlflow_client("http://127.0.0.1:9"))
    for ask in (
        lambda: lookup.find(ENTRY, VALUES, KEY),
        lambda: lookup.still_there(ENTRY, VALUES, KEY, found),
    ):
        with pytest.raises(Unavailable):
            ask()
    lookup.record_merging_off(found, "raises nothing")


# Still there


def test_a_model_that_is_there_stays_at_the_cost_of_two_calls(store: Store, calls: Counter[str]) -> None:
    store.model(store.run())
    found = store.look_up()
    assert isinstance(found, Found)
    calls.clear()
    assert store.still_there(found)
    assert calls == {"get_logged_model": 1, "get_run": 1}


CHANGES: dict[str, Callable[[Store, Found], object]] = {
    "the model is deleted": lambda store, found: store.client.delete_logged_model(found.model_id),
    "its run is deleted": lambda store, found: store.client.delete_run(found.run_id),
    "its run failed after all": lambda store, found: store.client.update_run(found.run_id, status="FAILED"),
    "its experiment is deleted": lambda store, found: store.client.delete_experiment(store.experiment),
    "its row is gone": lambda store, found: store.sql("DELETE FROM logged_models"),
    "its run's row is gone": lambda store, found: store.sql("DELETE FROM runs"),
    "its run has no outputs": lambda store, found: store.sql("DELETE FROM inputs"),
    "the tag was moved": lambda store, found: (
        store.model(store.run(), key=KEY),
        store.client.delete_logged_model_tag(found.model_id, KEY_TAG),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_is_not_there_any_more(store: Store, change: str) -> None:
    store.model(store.run())
    found = store.look_up()
    assert isinstance(found, Found)
    CHANGES[change](store, found)
    assert not store.still_there(found)
    assert store.look_up() != found


def test_a_model_without_its_tag_is_there_unless_another_bears_it(store: Store) -> None:
    """MLflow may have refused the tag; with a changed catalog, another deployment tags it by another key."""
    store.model(store.run())
    found = store.look_up()
    assert isinstance(found, Found)
    store.client.set_logged_model_tags(found.model_id, {KEY_TAG: OTHER_KEY})
    assert store.still_there(found)
    store.model(store.run({"alpha": "7", "depth": "5"}), key=KEY)
    assert store.still_there(found)


def test_a_model_of_another_name_in_the_catalog_is_not_there(store: Store) -> None:
    store.model(store.run())
    found = store.look_up()
    assert isinstance(found, Found)
    assert not store.still_there(found, ENTRY.model_copy(update={"artifact_name": "clf"}))
    assert not store.still_there(found, ENTRY.model_copy(update={"experiment": "/Shared/none"}))


# Merging


def test_the_reason_for_not_merging_is_kept_with_the_model(store: Store) -> None:
    store.model(store.run())
    found = store.look_up()
    assert isinstance(found, Found)
    assert found.merging is None
    store.lookup.record_merging_off(found, "x" * 600)
    again = store.look_up()
    assert isinstance(again, Found)
    assert again.merging == "x" * 500
    assert store.client.get_logged_model(found.model_id).tags[MERGING_TAG] == "x" * 500


def test_a_model_that_is_gone_cannot_be_tagged_and_nothing_is_raised(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "functions"):
        store.lookup.record_merging_off(Found("m-1", None), "rows are not independent")
    assert f"model m-1 was not tagged {MERGING_TAG}" in caplog.text
