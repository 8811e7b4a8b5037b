"""Models in memory: bounded by bytes and entries, least recently used out, each loaded once however many ask."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cachetools import LRUCache

from functions import telemetry
from functions.catalog import ModelType
from functions.errors import Unavailable
from functions.run_model.lookup import Found
from functions.run_model.served_model import ServedModel
from functions.shared_calls import SharedCalls
from functions.telemetry.names import EVICTIONS

logger = logging.getLogger(__name__)


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
        telemetry.active.count(EVICTIONS)
        logger.info("model %s leaves the memory cache", model_id)
        return model_id, served


class ModelCache:
    def __init__(
        self,
        load: Callable[[Found, ModelType], Awaitable[ServedModel]],
        max_bytes: int,
        max_entries: int,
        wait_s: float,
    ) -> None:
        self._load = load
        self._wait_s = wait_s
        self._models = _BoundedModels(max_bytes, max_entries)
        self._loads: SharedCalls[str, ServedModel] = SharedCalls(keep_s=0)

    def __contains__(self, found: Found) -> bool:
        return found.model_id in self._models

    async def get(self, found: Found, entry: ModelType) -> ServedModel:
        """From memory, or loaded now; one load a model at a time.

        Raises what the load raises, and Unavailable if it takes long: loads may wait for each other. It goes on then.
        """
        served = self._models.get(found.model_id)
        if served is not None:
            return served
        try:
            async with asyncio.timeout(self._wait_s) as wait:
                return await self._loads.get(found.model_id, lambda: self._load_and_keep(found, entry))
        except TimeoutError:
            if not wait.expired():
                raise
            raise Unavailable(f"{found.uri} is still being loaded.") from None

    async def _load_and_keep(self, found: Found, entry: ModelType) -> ServedModel:
        served = await self._load(found, entry)
        if served.size <= self._models.maxsize:
            self._models[found.model_id] = served
        else:
            logger.warning("model %s with %d bytes does not fit the memory cache", found.model_id, served.size)
        return served
