"""A model that answers from memory is seen to again; a real MLflow store holds the models."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from functions.contracts import RunModel, Training, utc_now
from functions.errors import Unavailable
from functions.run_model.known_models import VERIFY_EVERY_S, KnownModels
from functions.run_model.lookup import Found, NotFound
from tests.unit.functions.run_model.mlflow_store import ENTRY, KEY, VALUES, Store

IN_MEMORY: Callable[[Found], bool] = lambda found: True  # noqa: E731  # a name for what every model here is


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def command(trained: bool = False) -> RunModel:
    now = utc_now()
    return RunModel(
        operation="a" * 32,
        reply_to_session="session",
        model_type="wine",
        parameters=VALUES,
        key=KEY,
        created_at=now,
        deadline=now + timedelta(hours=1),
        expires_at=now + timedelta(hours=2),
        trained=trained,
        training=Training(databricks_run_id=1, state="TERMINATED", started_at=now) if trained else None,
    )


async def model_id(known: KnownModels, asked: RunModel | None = None) -> str | None:
    outcome = await known.find(asked or command(), ENTRY)
    return outcome.model_id if isinstance(outcome, Found) else None


async def test_deleted_model_answers_no_request_after_a_pause(store: Store) -> None:
    clock = Clock()
    known = KnownModels(store.lookup, 300, IN_MEMORY, clock)
    run = store.run()
    first, second = store.model(run, step=1), store.model(run, step=2)
    assert await model_id(known) == second
    store.client.delete_logged_model(second)
    clock.now += 2 * VERIFY_EVERY_S
    assert await model_id(known) == first
    store.client.delete_run(run)
    clock.now += 2 * VERIFY_EVERY_S
    assert await model_id(known) is None


async def test_model_that_answers_all_the_time_is_seen_to_beside_the_answers(store: Store) -> None:
    clock = Clock()
    known = KnownModels(store.lookup, 300, IN_MEMORY, clock)
    model = store.model(store.run())
    assert await model_id(known) == model
    store.client.delete_logged_model(model)
    clock.now += VERIFY_EVERY_S - 1
    assert await model_id(known) == model  # MLflow is not asked
    clock.now += 1
    assert await model_id(known) == model  # it is asked, and nobody waits for it
    await asyncio.gather(*known._background)
    assert await model_id(known) is None


async def test_model_in_memory_answers_while_mlflow_is_away(store: Store) -> None:
    clock = Clock()
    known = KnownModels(store.lookup, 300, IN_MEMORY, clock)
    model = store.model(store.run())
    assert await model_id(known) == model
    store.sql("ALTER TABLE logged_models RENAME TO away")
    clock.now += 2 * VERIFY_EVERY_S
    assert await model_id(known) == model
    assert await model_id(known, command(trained=True)) == model
    forgetful = KnownModels(store.lookup, 300, lambda found: False, clock)
    with pytest.raises(Unavailable):
        await model_id(forgetful)


async def test_miss_is_not_kept_and_is_explained_after_a_training(store: Store) -> None:
    known = KnownModels(store.lookup, 300, IN_MEMORY, Clock())
    assert await model_id(known) is None
    store.model(store.run({"alpha": "0.5"}))
    outcome = await known.find(command(trained=True), ENTRY)
    assert isinstance(outcome, NotFound)
    assert any("depth is missing" in reason for reason in outcome.reasons)
    model = store.model(store.run())
    assert await model_id(known) == model


async def test_look_up_after_a_training_serves_the_others(store: Store) -> None:
    known = KnownModels(store.lookup, 300, IN_MEMORY, Clock())
    model = store.model(store.run())
    assert await model_id(known, command(trained=True)) == model
    store.sql("ALTER TABLE logged_models RENAME TO away")
    assert await model_id(known) == model
