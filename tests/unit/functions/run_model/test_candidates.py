"""Which run's model answers."""

import pytest

from tests.unit.functions.run_model.mlflow_store import Store


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
