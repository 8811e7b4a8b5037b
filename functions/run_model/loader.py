"""From a model's id to the model in memory: downloads side by side, loads one at a time, each within a time."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from functions.catalog import ModelType
from functions.errors import ModelNotLoaded, ModelRefused, Unavailable
from functions.run_model.loading import LoadedModel, load_model
from functions.run_model.lookup import Found
from functions.run_model.mlmodel import is_from_code
from functions.run_model.model_folder import ModelFolder
from functions.run_model.process_state import ProcessState
from functions.run_model.scoring import MAX_RESULT_BYTES
from functions.run_model.served_model import ServedModel
from functions.run_model.threads import CallTimeout, Threads

logger = logging.getLogger(__name__)

DOWNLOADS = 4
DISK_CALLS = 4
RETRY_AFTER_S = 60


class Loader:
    """Loads models of one folder. A copy on disk that cannot be loaded is fetched again once.

    One model at a time: a load may import libraries, and two threads that import scikit-learn for the first time find
    it half initialised; and MLflow keeps a model from code in a global variable while it loads it. A load that hangs
    holds up the others for its time limit.
    """

    def __init__(
        self,
        folder: ModelFolder,
        serve: Callable[[LoadedModel], ServedModel],
        timeout_s: float,
        max_result_bytes: int = MAX_RESULT_BYTES,
    ) -> None:
        self._folder = folder
        self._serve = serve
        self._timeout_s = timeout_s
        self._max_result_bytes = max_result_bytes
        self._downloads = Threads("download", DOWNLOADS, timeout_s)
        self._disk = Threads("model-folder", DISK_CALLS, timeout_s)
        self._loads = Threads("load", 1, timeout_s)
        self._process_state = ProcessState()
        self._hanging: dict[str, CallTimeout] = {}
        self._fetched_again: set[str] = set()

    @property
    def hung(self) -> int:
        """Threads that were given up and have not returned."""
        return self._downloads.hung + self._disk.hung + self._loads.hung

    async def load(self, found: Found, entry: ModelType) -> ServedModel:
        """Raises Unavailable (MLflow, the folder), ModelRefused, ModelNotLoaded."""
        if hanging := self._hanging.get(found.model_id):
            raise _hangs(found, hanging)
        with self._folder.pinned(found):
            path, is_new = await self._fetch(found)
            try:
                return await self._load(found, path, entry)
            except (ModelNotLoaded, ModelRefused) as error:
                if is_new or found.model_id in self._hanging or not self._may_fetch_again(found, path):
                    raise
                logger.warning("the copy of %s on disk may be damaged (%s), it is fetched again", found.uri, error)
            path, _ = await self._fetch(found, anew=True)
            served = await self._load(found, path, entry)
            self._fetched_again.discard(found.model_id)
            return served

    def _may_fetch_again(self, found: Found, path: Path) -> bool:
        """Once until it loads, and always for a copy that another process on the same folder has evicted."""
        first = found.model_id not in self._fetched_again
        self._fetched_again.add(found.model_id)
        return first or not path.is_dir()

    async def _fetch(self, found: Found, anew: bool = False) -> tuple[Path, bool]:
        """The model's folder, and whether it was downloaded just now. Raises Unavailable, ModelRefused."""
        try:
            # Not in the threads of downloads: while these hang, what is on disk is loaded.
            if anew:
                await self._disk.run(partial(self._folder.discard, found))
            elif path := await self._disk.run(partial(self._folder.find, found)):
                return path, False
            return await self._downloads.run(partial(self._folder.download, found)), True
        except CallTimeout as error:
            raise Unavailable(f"{found.uri} cannot be downloaded from MLflow: {error}.") from error

    async def _load(self, found: Found, path: Path, entry: ModelType) -> ServedModel:
        try:
            return await self._loads.run(partial(self._load_in_thread, found, path, entry))
        except CallTimeout as error:
            logger.error("the load of %s hangs: %s", found.uri, error)
            self._hanging[found.model_id] = error
            error.ended.add_done_callback(lambda ended: self._hanging.pop(found.model_id, None))
            raise _hangs(found, error) from error

    def _load_in_thread(self, found: Found, path: Path, entry: ModelType) -> ServedModel:
        if self._loads.hung and is_from_code(path):
            # The hanging load may set the global variable by which MLflow hands over a model from code.
            raise Unavailable(f"{found.uri} is a model from code: it is not loaded while another load hangs.")
        with self._process_state.kept(found.uri, self._timeout_s):
            return self._serve(load_model(found, path, entry, self._max_result_bytes))


def _hangs(found: Found, error: CallTimeout) -> ModelNotLoaded:
    return ModelNotLoaded(
        f"{found.uri} did not load ({error}). It is not loaded again before that load ends.", retry_after=RETRY_AFTER_S
    )
