"""Downloading and loading a model. All functions here block; call them in a thread.

Loading a model runs its code: the control is who may write to the model store, and which flavours the catalog allows.
"""

import logging
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import yaml

from functions.catalog import ModelType
from functions.errors import ModelNotLoaded, ModelRefused, Unavailable
from functions.run_model.lookup import Found
from functions.run_model.scoring import Scorer

logger = logging.getLogger(__name__)

MEMORY_FACTOR = 4
"""A loaded model is taken to need this many times its size on disk (compressed trees are the worst case seen)."""
MEMORY_FLOOR = 64 * 1024


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory and its estimated size in bytes."""

    found: Found
    scorer: Scorer
    size: int


class ModelFolder:
    """The models on disk, ``<folder>/<model id>``, bounded in bytes; least recently loaded ones go first."""

    def __init__(self, folder: Path, max_bytes: int, tracking_uri: str) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._tracking_uri = tracking_uri

    def load(self, found: Found, entry: ModelType) -> LoadedModel:
        """Raises Unavailable (download), ModelRefused, ModelNotLoaded."""
        path = self._download(found)
        _check_allowed(path, entry)
        import mlflow.pyfunc

        try:
            pyfunc = mlflow.pyfunc.load_model(str(path), suppress_warnings=True)
        except Exception as error:  # unpickling runs any code of the model's
            logger.exception("loading %s", found.uri)
            raise ModelNotLoaded(
                f"{found.uri} cannot be loaded: {type(error).__name__}: {str(error)[:2000]}"
            ) from error
        return LoadedModel(found, Scorer(pyfunc), _size(path) * MEMORY_FACTOR + MEMORY_FLOOR)

    def _download(self, found: Found) -> Path:
        path = self._folder / found.model_id
        if path.is_dir():
            os.utime(path)
            return path
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

    def _fetch(self, found: Found, aside: Path) -> None:
        import mlflow.artifacts
        import requests
        from mlflow.exceptions import MlflowException

        try:
            mlflow.artifacts.download_artifacts(
                artifact_uri=found.uri, dst_path=str(aside), tracking_uri=self._tracking_uri
            )
        except (MlflowException, requests.RequestException, OSError) as error:
            logger.warning("downloading %s: %s: %s", found.uri, type(error).__name__, error)
            raise Unavailable(f"{found.uri} cannot be downloaded from MLflow.") from error

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


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _check_allowed(path: Path, entry: ModelType) -> None:
    """Raises ModelRefused. Modules of two models' own code would be mixed up in one process (mlflow#15941)."""
    try:
        flavors = yaml.safe_load((path / "MLmodel").read_text(encoding="utf-8"))["flavors"]
        names, code = set(flavors) - {"python_function"}, flavors["python_function"].get("code")
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ModelNotLoaded("The artifact is no MLflow model with a python_function flavour.") from error
    if code:
        raise ModelRefused("The model carries code of its own (code_paths), which this service does not run.")
    if not names & set(entry.flavors):
        raise ModelRefused(f"The model's flavours {sorted(names)} are not among {list(entry.flavors)} of the catalog.")
