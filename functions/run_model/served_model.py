"""A model in memory: what it answers, and whether its predictions are merged."""

import math
from collections.abc import Callable
from typing import Any

from functions.run_model.examples import check_example
from functions.run_model.independence import Proof
from functions.run_model.loading import LoadedModel
from functions.run_model.merging import Answer, Merger
from functions.run_model.records import concatenate, mergeable
from functions.run_model.threads import Threads


class ServedModel:
    """Predicts; merges what is asked at once while the model is proven row-wise.

    Made in a thread, because it tries the model; `merging_is_off` is told when a proof fails, from a thread.
    """

    def __init__(
        self, loaded: LoadedModel, max_rows: int, merging_is_off: Callable[[str], None], threads: Threads
    ) -> None:
        self.found = loaded.found
        self.size = loaded.size
        self._float_columns = loaded.scorer.float_columns
        self._proof = Proof(loaded.scorer.merging_off or loaded.found.merging, merging_is_off)
        last_call_s = check_example(loaded.scorer, loaded.example, self._proof)
        self._merger = Merger(loaded.scorer, self._proof, concatenate, max_rows, threads, last_call_s, self.found.uri)

    @property
    def merging_off(self) -> str | None:
        """Why predictions are not merged; None where they are."""
        return self._proof.off

    async def predict(self, rows: Any, until: float = math.inf) -> Answer:
        """The prediction for rows as the edge passed them on, begun before `until` by the monotonic clock.

        Raises InputRefused, PredictionFailed, DeadlineExceeded, and Unavailable while enough requests wait for a slow
        model.
        """
        if self._proof.off is None and (shared := mergeable(rows, self._float_columns)):
            records, key = shared
            return await self._merger.predict(records, len(records), key, until)
        return await self._merger.predict(rows, until=until)
