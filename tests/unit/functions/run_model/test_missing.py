from datetime import UTC, datetime, timedelta

import pytest

from functions.contracts import RunModel, Training, utc_now
from functions.run_model.lookup import NotFound
from functions.run_model.missing import not_logged
from tests.unit.functions.run_model.mlflow_store import ENTRY, KEY, VALUES, Store

BEGAN = datetime.fromtimestamp(1_800_000_000, UTC)
"""The store's clock starts here."""


def command() -> RunModel:
    return RunModel(
        operation="0" * 32,
        reply_to_session="predict",
        model_type="wine",
        parameters=VALUES,
        key=KEY,
        created_at=utc_now(),
        deadline=utc_now(),
        expires_at=utc_now(),
        training=Training(databricks_run_id=7, state="SUCCESS"),
        trained=True,
    )


def told(store: Store, since: datetime | None = BEGAN) -> str:
    """What the client reads."""
    outcome = store.lookup.find(ENTRY, VALUES, KEY, explain=True, since=since)
    assert isinstance(outcome, NotFound)
    return not_logged(command(), ENTRY, outcome).detail


def test_a_missing_parameter_is_named(store: Store) -> None:
    run = store.run({"trees": "50", "max_depth": "3"})
    store.model(run)
    assert told(store) == (
        "Databricks run 7 ended well, but its run logged max_depth=3, trees=50: alpha is missing, depth is missing "
        f"(MLflow run {run})."
    )


def test_a_run_without_parameters_is_told_so(store: Store) -> None:
    store.model(store.run({}))
    assert "its run logged no parameters: alpha is missing, depth is missing" in told(store)


def test_another_value_is_named_beside_the_wanted_one(store: Store) -> None:
    store.model(store.run({"alpha": "0.50", "depth": "3"}))
    assert "its run logged alpha=0.50, depth=3: depth is 3, not 5" in told(store)


@pytest.mark.parametrize("value", ["five", "5.5", "", "None"])
def test_a_value_that_is_none_is_named(store: Store, value: str) -> None:
    store.model(store.run({"alpha": "0.5", "depth": value}))
    assert f"depth is {value}, not 5" in told(store)


def test_a_run_without_a_model(store: Store) -> None:
    run = store.run()
    assert f"MLflow run {run} has these parameters but logged no model named 'model'." in told(store)


def test_a_model_of_another_name(store: Store) -> None:
    store.model(store.run(), name="clf")
    assert "logged no model named 'model': it logged a model named 'clf', the catalog says 'model'" in told(store)


def test_a_model_that_is_not_ready(store: Store) -> None:
    store.model(store.run(), status="FAILED")
    assert "cannot be used: its status is FAILED" in told(store)


def test_a_model_that_is_deleted(store: Store) -> None:
    model = store.model(store.run())
    store.client.delete_logged_model(model)
    assert f"its model {model} is deleted" in told(store)


def test_a_model_of_another_experiment(store: Store) -> None:
    elsewhere = store.client.create_experiment("/Shared/beer")
    store.name_output(store.run(), store.model(store.run({}, experiment=elsewhere), experiment=elsewhere))
    assert "cannot be used: it belongs to another experiment" in told(store)


def test_a_model_of_another_run(store: Store) -> None:
    store.name_output(store.run(), store.model(store.run({})))
    assert "was logged by another run" in told(store)


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "KILLED"])
def test_a_run_that_has_not_finished(store: Store, status: str) -> None:
    run = store.run(status=status)
    store.model(run)
    assert f"MLflow run {run} has these parameters but is {status}, not FINISHED" in told(store)


def test_a_trial_whose_search_has_not_finished(store: Store) -> None:
    store.model(store.run(parent=store.run({}, status="FAILED")))
    assert "has these parameters but is the child of a run that failed, is deleted or has not finished" in told(store)


def test_a_run_in_another_experiment(store: Store) -> None:
    """The notebook did not set the experiment that it was given."""
    notebook = store.client.create_experiment("/Shared/notebooks/wine")
    run = store.run(experiment=notebook)
    store.model(run, experiment=notebook)
    assert told(store) == (
        f"Databricks run 7 ended well, but MLflow run {run} with these parameters is in the experiment "
        "'/Shared/notebooks/wine', the catalog says '/Shared/wine'; the experiment '/Shared/wine' has no run since "
        "the training began."
    )


def test_a_run_of_something_else_in_another_experiment_is_not_told(store: Store) -> None:
    store.run({"alpha": "7"}, experiment=store.client.create_experiment("/Shared/beer"))
    assert "beer" not in told(store)


def test_no_run_at_all(store: Store) -> None:
    assert told(store, None) == "Databricks run 7 ended well, but the experiment '/Shared/wine' has no run."
    store.model(store.run({"alpha": "7"}))
    assert "has no run since the training began" in told(store, BEGAN + timedelta(hours=1))
    assert "alpha is 7, not 0.5" in told(store, None)


def test_a_run_that_begins_a_little_early_by_its_clock_is_told(store: Store) -> None:
    store.run({"alpha": "7"})
    assert "alpha is 7, not 0.5" in told(store, BEGAN + timedelta(seconds=30))


def test_an_experiment_that_does_not_exist(store: Store) -> None:
    store.client.rename_experiment(store.experiment, "/Shared/former")
    run = store.run()
    text = told(store)
    assert f"MLflow run {run} with these parameters is in the experiment '/Shared/former'" in text
    assert "MLflow has no experiment '/Shared/wine'" in text


def test_the_nearest_run_is_told_first_and_three_at_most(store: Store) -> None:
    """The newest runs may be of other trainings, for other parameters."""
    store.run({"alpha": "0.5"})
    for alpha in range(2, 6):
        store.model(store.run({"alpha": str(alpha), "depth": "7"}))
    text = told(store)
    assert text.startswith("Databricks run 7 ended well, but its run logged alpha=0.5: depth is missing")
    assert (text.count("its run logged"), text.count("another run logged")) == (1, 2)


def test_an_older_run_without_a_model_is_told_too(store: Store) -> None:
    """A notebook may log to a run that began before."""
    run = store.run()
    assert f"MLflow run {run} has these parameters but logged no model" in told(store, BEGAN + timedelta(hours=1))


def test_names_values_and_their_number_are_cut(store: Store) -> None:
    store.run({f"{number:02}{'n' * 200}": "v" * 5000 for number in range(30)} | {"depth": "9" * 5000})
    text = told(store)
    assert "20 more" not in text
    assert "21 more: alpha is missing, depth is 999" in text
    assert len(text) < 2000


def test_a_miss_that_is_not_explained_says_what_was_wanted() -> None:
    detail = not_logged(command(), ENTRY, NotFound()).detail
    assert detail == (
        "Databricks run 7 ended well, but the experiment '/Shared/wine' has no finished run with alpha=0.5, depth=5."
    )


def test_the_experiment_of_the_notebook_is_searched_however_many_there_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.run_model.missing.OTHER_EXPERIMENTS", 1)
    entry = ENTRY.model_copy(update={"notebook": "/Shared/notebooks/wine"})
    notebook = store.client.create_experiment(entry.notebook)
    store.client.create_experiment("/Shared/newer")
    run = store.run(experiment=notebook)
    outcome = store.lookup.find(entry, VALUES, KEY, explain=True, since=BEGAN)
    assert isinstance(outcome, NotFound)
    assert f"MLflow run {run} with these parameters is in the experiment" in outcome.reasons[0]
