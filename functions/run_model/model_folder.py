"""The models on disk: downloaded within bounds, to a folder that nobody else writes to. Blocks; call it in a thread."""

import logging
import os
import shutil
import stat
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from functions.errors import ModelRefused, OnDemandError, Unavailable
from functions.run_model.exceptions import describe
from functions.run_model.lookup import Found
from functions.run_model.mlflow_client import mlflow_client

logger = logging.getLogger(__name__)

MAX_FILES = 10_000
ABANDONED_S = 3600
"""A download that is older was left by a process that was killed."""
_MODELS = "m-"
"""How the ids of MLflow's models begin. Nothing else in the folder is ever removed."""


class ModelFolder:
    """The models on disk, ``<folder>/<model id>``, bounded in bytes; least recently loaded ones go first.

    The bound counts what downloads of this process will have written when they are done.
    """

    def __init__(self, folder: Path, max_bytes: int, tracking_uri: str) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._tracking_uri = tracking_uri
        self._pins: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._downloads: dict[str, int] = {}
        """Folders that downloads of this process write to, and the bytes that they will have."""
        self._room_lock = threading.Lock()

    def prepare(self) -> None:
        """Make the folder, or make sure that nobody else can write to it: its files are run. Raises Unavailable."""
        with self._writing():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            owners = {self._folder.lstat().st_uid, self._folder.stat().st_uid}
            mode = self._folder.stat().st_mode
        if owners != {os.geteuid()} or mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Unavailable(
                f"MODEL_CACHE_DIR {self._folder} must belong to this user and be writable for nobody else (mode 0700)."
            )

    @contextmanager
    def pinned(self, found: Found) -> Iterator[None]:
        """The model is not evicted meanwhile."""
        with self._lock:
            self._pins[found.model_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._pins[found.model_id] -= 1
                self._pins += Counter()  # forgets those at zero

    def find(self, found: Found) -> Path | None:
        """The model's folder, if it is on disk. Raises Unavailable."""
        self.prepare()
        path = self._folder / found.model_id
        if not path.is_dir():
            return None
        self._touch(path)
        return path

    def download(self, found: Found) -> Path:
        """The model's folder, downloaded now. Raises Unavailable, ModelRefused."""
        self.prepare()
        size = self._check_size(found)
        path = self._folder / found.model_id
        with self._writing(), self._room(found, size) as aside:
            self._download(found, aside, path)
        return path

    def discard(self, found: Found) -> None:
        """Remove a copy that turned out to be damaged. Raises Unavailable."""
        with self._writing():
            self._remove(self._folder / found.model_id)

    def _touch(self, path: Path) -> None:
        try:
            os.utime(path)
        except OSError as error:  # a read-only folder still has models to load
            logger.info("%s was not marked as used: %s", path, error.strerror)

    @contextmanager
    def _room(self, found: Found, size: int) -> Iterator[Path]:
        """A folder to download to, for which so many bytes are kept free."""
        aside = self._folder / f".{found.model_id}.{uuid.uuid4().hex}"
        with self._room_lock:
            self._make_room(size)
            self._downloads[aside.name] = size
        try:
            yield aside
        finally:
            with self._room_lock:
                self._downloads.pop(aside.name, None)

    def _download(self, found: Found, aside: Path, path: Path) -> None:
        aside.mkdir()
        try:
            self._fetch(found, aside)
            with self._room_lock:  # it is counted either as a download or as a model
                # Another process on the same folder may have been faster; its copy is as good.
                if not path.is_dir():
                    aside.rename(path)
                del self._downloads[aside.name]
        except OSError:
            if not path.is_dir():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _check_size(self, found: Found) -> int:
        """The model's bytes, before anything is written. Raises ModelRefused, Unavailable."""
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
        return total

    def _fetch(self, found: Found, aside: Path) -> None:
        import mlflow.artifacts

        with _downloading(found):
            mlflow.artifacts.download_artifacts(
                artifact_uri=found.uri, dst_path=str(aside), tracking_uri=self._tracking_uri
            )

    def _make_room(self, size: int) -> None:
        """Evict until so many bytes fit. Raises Unavailable while models that are being loaded take the room."""
        folders = sorted(self._models(), key=lambda each: each[1])
        total = size + sum(self._downloads.values()) + sum(folder_size for _, _, folder_size in folders)
        for path, used_at, folder_size in folders:
            is_download = path.name.startswith(".")
            abandoned = is_download and used_at < time.time() - ABANDONED_S
            if abandoned or (total > self._max_bytes and not is_download and not self._is_pinned(path)):
                total -= folder_size
                self._remove(path)
        if total > self._max_bytes:
            raise Unavailable("The models that are being loaded fill the model folder.")

    def _models(self) -> Iterator[tuple[Path, float, int]]:
        """Folders of models, and of downloads of other processes: when each was used, and its bytes."""
        for path in self._folder.iterdir():
            if path.name.lstrip(".").startswith(_MODELS) and path.name not in self._downloads:
                try:
                    yield path, path.stat().st_mtime, size_of(path)
                except FileNotFoundError:
                    continue  # another process, or thread, has removed it

    def _is_pinned(self, path: Path) -> bool:
        with self._lock:
            return bool(self._pins[path.name])

    def _remove(self, path: Path) -> None:
        """Out of sight at once: a load finds a model whole or not at all."""
        aside = path if path.name.startswith(".") else path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return
        shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Raises Unavailable where the folder is full or cannot be written to."""
        try:
            yield
        except OSError as error:
            logger.warning("the model cache %s cannot be written to", self._folder, exc_info=error)
            raise Unavailable(f"The model cache cannot be written to: {error.strerror}.") from error


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


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
