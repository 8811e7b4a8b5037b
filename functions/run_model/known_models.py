"""Which model answers for a key: looked up in MLflow once, and seen to again while it answers."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from cachetools import LRUCache

from functions import telemetry
from functions.catalog import ModelType
from functions.contracts import RunModel
from functions.errors import Unavailable
from functions.run_model.lookup import Found, Lookup, NotFound
from functions.run_model.threads import CallTimeout, Threads
from functions.shared_calls import SharedCalls

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOOKUP_THREADS = 8
LOOKUP_TIMEOUT_S = 60.0
"""MLflow's own requests have shorter time limits, a look-up makes several."""
LOOKUP_WAIT_S = 30.0
"""For a thread while others ask an MLflow that does not answer."""
MAX_KEYS = 10_000
VERIFY_EVERY_S = 5.0
"""A model that was deleted, or whose run was, answers for no longer than twice this."""
VERIFY_WAIT_S = 2.0
"""A request waits no longer for an MLflow that does not answer; the model in memory then answers all the same."""


class KnownModels:
    """Concurrent look-ups of one key share a call; a model that is found is kept for `keep_s` seconds."""

    def __init__(
        self,
        lookup: Lookup,
        keep_s: float,
        in_memory: Callable[[Found], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._lookup = lookup
        self._in_memory = in_memory
        self._lookups: SharedCalls[tuple[str, bool], Found | NotFound] = SharedCalls(
            keep_s, worth_keeping=lambda outcome: isinstance(outcome, Found)
        )
        self._verifications: SharedCalls[str, bool] = SharedCalls(keep_s=0)
        self._background: set[asyncio.Future[bool]] = set()
        self._verified_at: LRUCache[str, float] = LRUCache(MAX_KEYS)
        self._last_found: LRUCache[str, Found] = LRUCache(MAX_KEYS)
        # Threads of their own: look-ups that hang on MLflow must not hold up predictions with models in memory.
        self._threads = Threads("look-up", LOOKUP_THREADS, LOOKUP_TIMEOUT_S, wait_s=LOOKUP_WAIT_S)

    @property
    def hung(self) -> int:
        """Threads that were given up and have not returned."""
        return self._threads.hung

    async def find(self, command: RunModel, entry: ModelType) -> Found | NotFound:
        """The model of the command's key. Raises Unavailable when MLflow cannot be asked and none is in memory."""
        kept = self._lookups.kept((command.key, command.trained))
        if isinstance(kept, Found) and await self._still_there(command, entry, kept):
            return kept
        return await self._look_up(command, entry)

    def forget(self, key: str) -> None:
        """The model of a key may be gone: look it up anew."""
        for trained in (True, False):
            self._lookups.forget((key, trained))
        self._last_found.pop(key, None)
        self._verified_at.pop(key, None)

    async def _look_up(self, command: RunModel, entry: ModelType) -> Found | NotFound:
        """A look-up after a training never joins a look-up that began before it."""
        ask = partial(
            self._lookup.find,
            entry,
            command.parameters,
            command.key,
            explain=command.trained,
            since=command.training.started_at if command.training else None,
        )
        try:
            with telemetry.active.step("look up", command.model_type) as step:
                outcome = await self._lookups.get((command.key, command.trained), lambda: self._ask(command.key, ask))
                step.outcome = "" if isinstance(outcome, Found) else "not-found"
        except Unavailable:
            last = self._last_found.get(command.key)
            if last is None or not self._in_memory(last):
                raise
            return last  # a model in memory answers while MLflow is down
        if isinstance(outcome, Found):
            self._last_found[command.key] = outcome
            if command.trained:
                self._lookups.keep((command.key, False), outcome)
        else:
            self._last_found.pop(command.key, None)
        return outcome

    async def _still_there(self, command: RunModel, entry: ModelType, found: Found) -> bool:
        """True if the model is still the one of its key.

        While it answers all the time this is asked beside the answers; after a pause a request waits for it.
        """
        age = self._clock() - self._verified_at.get(command.key, float("-inf"))
        if age < VERIFY_EVERY_S:
            return True
        verifying = asyncio.ensure_future(
            self._verifications.get(command.key, lambda: self._verify(command, entry, found))
        )
        self._background.add(verifying)
        verifying.add_done_callback(self._background.discard)
        if age < 2 * VERIFY_EVERY_S:
            return True
        done, _ = await asyncio.wait([verifying], timeout=VERIFY_WAIT_S)
        return verifying.result() if done else True

    async def _verify(self, command: RunModel, entry: ModelType, found: Found) -> bool:
        ask = partial(self._lookup.still_there, entry, command.parameters, command.key, found)
        try:
            there = await self._ask(command.key, ask)
        except Unavailable:
            return True  # a model in memory answers while MLflow is down
        if not there:
            logger.warning("%s is no longer the model of key %s", found.uri, command.key[:12])
            self.forget(command.key)
        return there

    async def _ask(self, key: str, ask: Callable[[], T]) -> T:
        """Ask MLflow in a thread; whatever comes of it, the key is not verified again for a while."""
        try:
            return await self._threads.run(ask)
        except CallTimeout as error:
            raise Unavailable(f"MLflow cannot be asked: {error}.") from error
        finally:
            self._verified_at[key] = self._clock()
