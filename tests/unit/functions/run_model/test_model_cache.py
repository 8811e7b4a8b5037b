import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from functions.catalog import ModelType
from functions.errors import Unavailable
from functions.run_model.lookup import Found
from functions.run_model.model_cache import ModelCache
from functions.run_model.served_model import ServedModel

ENTRY = cast(ModelType, None)  # only handed through to `load`


class Loads:
    """Loads models of `size` bytes, noting which; `together` makes that many loads wait for each other."""

    def __init__(self, size: int = 10, together: int = 1) -> None:
        self.loaded: list[str] = []
        self.size = size
        self.together = asyncio.Barrier(together)
        self.failures = 0

    async def __call__(self, found: Found, entry: ModelType) -> ServedModel:
        await self.together.wait()
        self.loaded.append(found.model_id)
        if self.failures:
            self.failures -= 1
            raise Unavailable("MLflow is down")
        return cast(ServedModel, SimpleNamespace(found=found, size=self.size))  # nothing is predicted here


def cache(load: Loads, max_bytes: int = 100, max_entries: int = 100, wait_s: float = 30) -> ModelCache:
    return ModelCache(load, max_bytes, max_entries, wait_s)


def found(name: str) -> Found:
    return Found(name, None)


async def test_a_herd_loads_one_model_once() -> None:
    load = Loads()
    models = cache(load)
    served = await asyncio.gather(*(models.get(found("a"), ENTRY) for _ in range(50)))
    assert load.loaded == ["a"]
    assert all(one is served[0] for one in served)
    assert await models.get(found("a"), ENTRY) is served[0]
    assert load.loaded == ["a"]


async def test_different_models_load_side_by_side() -> None:
    load = Loads(together=2)  # each load waits until the other one runs
    models = cache(load)
    await asyncio.gather(models.get(found("a"), ENTRY), models.get(found("b"), ENTRY))
    assert sorted(load.loaded) == ["a", "b"]


async def test_the_least_recently_used_leaves_when_bytes_run_out() -> None:
    models = cache(Loads(size=40))
    for name in ("a", "b", "a", "c"):
        await models.get(found(name), ENTRY)
    assert [name for name in "abc" if found(name) in models] == ["a", "c"]


async def test_the_least_recently_used_leaves_when_entries_run_out() -> None:
    models = cache(Loads(), max_entries=2)
    for name in ("a", "b", "a", "c"):
        await models.get(found(name), ENTRY)
    assert [name for name in "abc" if found(name) in models] == ["a", "c"]


async def test_a_model_larger_than_the_cache_is_served_and_not_kept() -> None:
    models = cache(Loads(size=101))
    assert (await models.get(found("a"), ENTRY)).size == 101
    assert found("a") not in models


async def test_a_failed_load_is_tried_again() -> None:
    load = Loads()
    load.failures = 1
    models = cache(load)
    with pytest.raises(Unavailable):
        await models.get(found("a"), ENTRY)
    await models.get(found("a"), ENTRY)
    assert load.loaded == ["a", "a"]


async def test_a_load_that_takes_long_is_not_waited_for_and_goes_on() -> None:
    load = Loads(together=2)
    models = cache(load, wait_s=0)
    with pytest.raises(Unavailable, match="still being loaded"):
        await models.get(found("a"), ENTRY)
    await load.together.wait()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    assert found("a") in models
    assert load.loaded == ["a"]
