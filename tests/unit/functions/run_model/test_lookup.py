"""Finding a model by its tag and by its parameters, and whether it is still there."""

import logging
from collections import Counter
from collections.abc import Callable

import pytest
from mlflow import MlflowClient

from functions.errors import Unavailable
from functions.run_model.lookup import (
    EXPERIMENT_TTL_S,
    KEY_TAG,
    MERGING_TAG,
    Found,
    Lookup,
    NotFound,
)
from functions.run_model.mlflow_client import mlflow_client
from tests.unit.functions.run_model.mlflow_store import ENTRY, KEY, OTHER_KEY, VALUES, Store


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


def test_a_model_that_is_there_stays_at_the_cost_of_two_calls(store: Store, calls: Counter[str]) -> None:
    store.model(store.run())
    found = store.look_up()
    assert isinstance(found, Found)
    calls.clear()
    assert store.still_there(found)
    assert calls == {"get_logged_model": 1, "get_run": 1}


CHANGES: dict[str, Callable[[Store, Found], object]] = {
    "the model is deleted": lambda store, found: store.client.delete_logged_model(found.model_id),
    "its run is deleted": lambda store, found: store.client.delete_run(found.mlflow_run_id),
    "its run failed after all": lambda store, found: store.client.update_run(found.mlflow_run_id, status="FAILED"),
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


def test_experiment_is_asked_for_again_when_its_entry_has_expired(store: Store, calls: Counter[str]) -> None:
    now = [0.0]
    lookup = Lookup(lambda: store.client, clock=lambda: now[0])
    model = store.model(store.run(), key=KEY)
    for after, asked in ((0, 1), (EXPERIMENT_TTL_S - 1, 1), (EXPERIMENT_TTL_S, 2)):
        now[0] = after
        found = lookup.find(ENTRY, VALUES, KEY)
        assert isinstance(found, Found)
        assert found.model_id == model
        assert calls["get_experiment_by_name"] == asked


def test_mlflow_is_connected_to_once_and_not_before_the_first_look_up(store: Store) -> None:
    connections: list[str] = []

    def connect() -> MlflowClient:
        connections.append(store.uri)
        return store.client

    lookup = Lookup(connect)
    assert not connections
    assert lookup.find(ENTRY, VALUES, KEY) == lookup.find(ENTRY, VALUES, KEY) == NotFound()
    assert connections == [store.uri]
