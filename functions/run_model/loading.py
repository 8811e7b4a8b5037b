"""Downloading and loading a model. All functions here block; call them in a thread.

Loading a model runs its code: the control is who may write to the model store, and which flavours the catalog allows.
"""

import logging
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.catalog import ModelType
from functions.errors import ModelNotLoaded, ModelRefused, OnDemandError, Unavailable
from functions.run_model.examples import example_records
from functions.run_model.exceptions import describe
from functions.run_model.lookup import Found
from functions.run_model.mlflow_client import mlflow_client
from functions.run_model.mlmodel import check_allowed
from functions.run_model.scoring import Scorer

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

logger = logging.getLogger(__name__)
_loading = threading.Lock()

MAX_FILES = 10_000

MEMORY_FACTOR = 4
"""A loaded model is taken to need this many times its size on disk (compressed trees are the worst case seen)."""
MEMORY_FLOOR = 64 * 1024


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory and its estimated ``size`` in bytes."""

    found: Found
    scorer: Scorer
    size: int
    example: list[dict[str, Any]]
    """Rows to try the model with; none if it has neither an input example nor a signature to make them up by."""


class ModelFolder:
    """The models on disk, ``<folder>/<model id>``, bounded in bytes; least recently loaded ones go first."""

    def __init__(self, folder: Path, max_bytes: int, tracking_uri: str) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._tracking_uri = tracking_uri

    def load(self, found: Found, entry: ModelType) -> LoadedModel:
        """Raises Unavailable (download), ModelRefused, ModelNotLoaded."""
        path = self._download(found)
        check_allowed(path, entry)
        pyfunc = _load(found, path, entry)
        example = example_records(pyfunc, path)
        return LoadedModel(found, Scorer(pyfunc, entry), _size(path) * MEMORY_FACTOR + MEMORY_FLOOR, example)

    def _download(self, found: Found) -> Path:
        path = self._folder / found.model_id
        if path.is_dir():
            os.utime(path)
            return path
        self._check_size(found)
        self._make_room()
        aside = self._folder / f".{found.model_id}.{uuid.uuid4().hex}"
        aside.mkdir(parents=True)
        try:
            self._fetch(found, aside)
            # Another process on the same folder may have been faster; its copy is as good.
            if not path.is_dir():
                aside.rename(path)
        except OSError as error:
            if not path.is_dir():
                raise Unavailable(f"{found.uri} cannot be written to the model cache: {error.strerror}.") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return path

    def _check_size(self, found: Found) -> None:
        """Before anything is written. Raises ModelRefused, Unavailable."""
        client = mlflow_client(self._tracking_uri)
        folders: list[str | None] = [None]
        files = total = 0
        with _downloading(found):
            while folders:
                folder = folders.pop()
                for info in client.list_logged_model_artifacts(found.model_id, folder):
                    if info.path in (".", folder):  # some stores list a folder as part of itself
                        continue
                    if info.is_dir:
                        folders.append(info.path)
                    files, total = files + 1, total + (info.file_size or 0)
                    if files > MAX_FILES or total > self._max_bytes:
                        bounds = f"{MAX_FILES} files, {self._max_bytes} bytes"
                        raise ModelRefused(f"{found.uri} is larger than the model folder allows ({bounds}).")

    def _fetch(self, found: Found, aside: Path) -> None:
        import mlflow.artifacts

        with _downloading(found):
            mlflow.artifacts.download_artifacts(
                artifact_uri=found.uri, dst_path=str(aside), tracking_uri=self._tracking_uri
            )

    def _make_room(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        folders = [path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        folders.sort(key=lambda path: path.stat().st_mtime)
        total = sum(map(_size, folders))
        for path in folders:
            if total <= self._max_bytes:
                return
            total -= _size(path)
            shutil.rmtree(path, ignore_errors=True)


def _load(found: Found, path: Path, entry: ModelType) -> "PyFuncModel":
    """Raises ModelNotLoaded, whatever the model's own code raises."""
    import mlflow.models.model
    import mlflow.pyfunc

    try:
        # One at a time: a load may import libraries, and two threads that import scikit-learn for the first time find
        # it half initialised; and MLflow keeps a model from code in a global variable while it loads it.
        with _loading:
            # A code file that sets no model would be given the one that was loaded before: the variable is private in
            # mlflow 3.17, which never resets it. Without this line `test_code_that_sets_no_model_is_not_given_the_one_
            # loaded_before` fails; when it passes, the line can go.
            mlflow.models.model.__mlflow_model__ = None
            return mlflow.pyfunc.load_model(str(path), suppress_warnings=True)
    except BaseException as error:  # unpickling runs any code of the model's
        logger.warning("loading %s", found.uri, exc_info=error)
        raise ModelNotLoaded(f"{found.uri} cannot be loaded: {_reason(error, entry)}") from error


def _reason(error: BaseException, entry: ModelType) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    if isinstance(cause, ModuleNotFoundError) and isinstance(cause.name, str):
        return f"it needs the Python module {cause.name[:100]!r}, which is not installed here"
    return describe(error, entry.expose_errors)


@contextmanager
def _downloading(found: Found) -> Iterator[None]:
    """Raises Unavailable where MLflow or its store cannot be asked."""
    try:
        yield
    except OnDemandError:
        raise
    except Exception as error:  # the SDK of each store raises its own
        logger.warning("downloading %s: %s", found.uri, describe(error, True))
        raise Unavailable(f"{found.uri} cannot be downloaded from MLflow.") from error


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
