"""Copies on disk: bounded, nobody else's, and trouble with the disk is trouble for later. MLflow's store is real."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from functions.errors import Unavailable
from functions.run_model.lookup import Found
from functions.run_model.model_folder import ABANDONED_S, ModelFolder, size_of
from tests.unit.functions.run_model.mlflow_store import Store

SIZE = 1000


@pytest.fixture(autouse=True)
def tracking_uri(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # as in a runner


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def log(store: Store, tmp_path: Path) -> Found:
    """A logged model of `SIZE` bytes."""
    (tmp_path / "MLmodel").write_bytes(bytes(SIZE))
    model = store.client.create_logged_model(store.experiment, name="model")
    store.client.log_model_artifact(model.model_id, str(tmp_path / "MLmodel"))
    return Found(model.model_id, None)


def fetch(models: ModelFolder, found: Found) -> Path:
    return models.find(found) or models.download(found)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_model_is_downloaded_once(store: Store, tmp_path: Path, cache: Path) -> None:
    models, found = ModelFolder(cache, 10 * SIZE, store.uri), log(store, tmp_path)
    assert models.find(found) is None
    path = models.download(found)
    assert path.name == found.model_id
    assert models.find(found) == path
    models.discard(found)
    assert names(cache) == set()
    assert models.find(found) is None
    assert models.download(found) == path


def test_least_recently_used_is_evicted_before_the_bound_is_passed(store: Store, tmp_path: Path, cache: Path) -> None:
    models = ModelFolder(cache, int(2.5 * SIZE), store.uri)
    first, second, third = (log(store, tmp_path) for _ in range(3))
    for age, found in ((30, first), (20, second)):
        path = fetch(models, found)
        os.utime(path, (time.time() - age,) * 2)
    fetch(models, first)
    fetch(models, third)
    assert names(cache) == {first.model_id, third.model_id}


def test_model_that_is_being_loaded_is_not_evicted(store: Store, tmp_path: Path, cache: Path) -> None:
    models = ModelFolder(cache, int(1.5 * SIZE), store.uri)
    first, second = (log(store, tmp_path) for _ in range(2))
    with models.pinned(first):
        fetch(models, first)
        with pytest.raises(Unavailable, match="being loaded fill the model folder"):
            fetch(models, second)
        assert names(cache) == {first.model_id}
    fetch(models, second)
    assert names(cache) == {second.model_id}


def test_downloads_at_once_do_not_pass_the_bound_together(store: Store, tmp_path: Path, cache: Path) -> None:
    """Each made room for itself alone: four of 6 GB overran a disk of 12 GB."""
    models = ModelFolder(cache, int(2.5 * SIZE), store.uri)
    logged = [log(store, tmp_path) for _ in range(4)]
    sizes: list[int] = []

    def download(found: Found) -> None:
        try:
            with models.pinned(found):
                fetch(models, found)
                at_once.wait(30)
        except Unavailable:
            at_once.wait(30)
        sizes.append(sum(size_of(path) for path in cache.iterdir()))

    at_once = Barrier(len(logged))
    with ThreadPoolExecutor(len(logged)) as threads:
        list(threads.map(download, logged))
    assert 0 < max(sizes) <= int(2.5 * SIZE)


def test_nothing_but_models_is_ever_removed(store: Store, tmp_path: Path, cache: Path) -> None:
    (cache / "photos").mkdir(parents=True)
    (cache / "photos" / "one").write_bytes(bytes(10 * SIZE))
    cache.chmod(0o700)
    models = ModelFolder(cache, 2 * SIZE, store.uri)
    found = log(store, tmp_path)
    fetch(models, found)
    assert names(cache) == {"photos", found.model_id}


def test_download_of_a_process_that_was_killed_is_removed(store: Store, tmp_path: Path, cache: Path) -> None:
    models = ModelFolder(cache, 10 * SIZE, store.uri)
    models.prepare()
    for name, age in (("old", ABANDONED_S + 1), ("young", 1)):
        (cache / f".m-{name}").mkdir()
        os.utime(cache / f".m-{name}", (time.time() - age,) * 2)
    found = log(store, tmp_path)
    fetch(models, found)
    assert names(cache) == {".m-young", found.model_id}


def test_folder_is_made_for_this_user_alone(store: Store, cache: Path) -> None:
    ModelFolder(cache, SIZE, store.uri).prepare()
    assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_folder_that_others_can_write_to_is_refused(store: Store, tmp_path: Path, cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(Unavailable, match="writable for nobody else"):
        fetch(ModelFolder(cache, 10 * SIZE, store.uri), log(store, tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("as_link", [False, True])
def test_folder_of_another_user_is_refused(store: Store, tmp_path: Path, cache: Path, as_link: bool) -> None:
    if as_link:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        cache.symlink_to(tmp_path / "elsewhere")
    else:
        cache.mkdir(mode=0o700)
    os.chown(cache, 12345, 12345, follow_symlinks=False)
    with pytest.raises(Unavailable, match="must belong to this user"):
        ModelFolder(cache, SIZE, store.uri).prepare()


@pytest.mark.parametrize("folder", ["/proc/models", "/dev/null/models"])
def test_folder_that_cannot_be_made_is_trouble_for_later(store: Store, tmp_path: Path, folder: str) -> None:
    with pytest.raises(Unavailable, match="model cache cannot be written to"):
        fetch(ModelFolder(Path(folder), SIZE, store.uri), log(store, tmp_path))
