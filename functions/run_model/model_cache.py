"""Models in memory: bounded by bytes and entries, least recently used out, each loaded once however many ask."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cachetools import LRUCache

from functions.catalog import ModelType
from functions.run_model.lookup import Found
from functions.run_model.served_model import ServedModel
from functions.shared_calls import SharedCalls

logger = logging.getLogger(__name__)

LOAD_THREADS = 4


class _BoundedModels(LRUCache[str, ServedModel]):
    """Bounded by bytes (cachetools' size) and by entries."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        super().__init__(maxsize=max_bytes, getsizeof=lambda served: served.size)
        self._max_entries = max_entries

    def __setitem__(self, model_id: str, served: ServedModel, *args: object, **kwargs: object) -> None:
        super().__setitem__(model_id, served)
        while len(self) > self._max_entries:
            self.popitem()

    def popitem(self) -> tuple[str, ServedModel]:
        model_id, served = super().popitem()
        logger.info("model %s leaves the memory cache", model_id)
        return model_id, served


class ModelCache:
    def __init__(
        self,
        load: Callable[[Found, ModelType], ServedModel],
        max_bytes: int,
        max_entries: int,
    ) -> None:
        self._load = load
        self._models = _BoundedModels(max_bytes, max_entries)
        # Threads of their own: a slow download must not hold up predictions with models in memory.
        self._load_threads = ThreadPoolExecutor(LOAD_THREADS, "load")
        self._loads: SharedCalls[str, ServedModel] = SharedCalls(keep_s=0)

    def __contains__(self, found: Found) -> bool:
        return found.model_id in self._models

    async def get(self, found: Found, entry: ModelType) -> ServedModel:
        """From memory, or loaded now; one load a model at a time, different models side by side."""
        served = self._models.get(found.model_id)
        if served is None:
            served = await self._loads.get(found.model_id, lambda: self._load_and_keep(found, entry))
        return served

    async def _load_and_keep(self, found: Found, entry: ModelType) -> ServedModel:
        served = await asyncio.get_running_loop().run_in_executor(self._load_threads, self._load, found, entry)
        if served.size <= self._models.maxsize:
            self._models[found.model_id] = served
        else:
            logger.warning("model %s with %d bytes does not fit the memory cache", found.model_id, served.size)
        return served
