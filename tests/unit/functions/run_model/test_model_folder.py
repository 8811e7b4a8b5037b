"""Copies on disk: bounded, nobody else's, and trouble with the disk is trouble for later. MLflow's store is real."""

import os
import time
from pathlib import Path

import pytest

from functions.errors import Unavailable
from functions.run_model.lookup import Found
from functions.run_model.model_folder import ABANDONED_S, ModelFolder
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


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_model_is_downloaded_once(store: Store, tmp_path: Path, cache: Path) -> None:
    models, found = ModelFolder(cache, 10 * SIZE, store.uri), log(store, tmp_path)
    path, is_new = models.fetch(found)
    assert (path.name, is_new) == (found.model_id, True)
    assert models.fetch(found) == (path, False)
    models.discard(found)
    assert names(cache) == set()
    assert models.fetch(found) == (path, True)


def test_least_recently_used_is_evicted_before_the_bound_is_passed(store: Store, tmp_path: Path, cache: Path) -> None:
    models = ModelFolder(cache, int(2.5 * SIZE), store.uri)
    first, second, third = (log(store, tmp_path) for _ in range(3))
    for age, found in ((30, first), (20, second)):
        path, _ = models.fetch(found)
        os.utime(path, (time.time() - age,) * 2)
    models.fetch(first)
    models.fetch(third)
    assert names(cache) == {first.model_id, third.model_id}


def test_model_that_is_being_loaded_is_not_evicted(store: Store, tmp_path: Path, cache: Path) -> None:
    models = ModelFolder(cache, int(1.5 * SIZE), store.uri)
    first, second, third = (log(store, tmp_path) for _ in range(3))
    with models.pinned(first):
        models.fetch(first)
        models.fetch(second)
        assert names(cache) == {first.model_id, second.model_id}
    models.fetch(third)
    assert names(cache) == {third.model_id}


def test_nothing_but_models_is_ever_removed(store: Store, tmp_path: Path, cache: Path) -> None:
    (cache / "photos").mkdir(parents=True)
    (cache / "photos" / "one").write_bytes(bytes(10 * SIZE))
    cache.chmod(0o700)
    models = ModelFolder(cache, 2 * SIZE, store.uri)
    found = log(store, tmp_path)
    models.fetch(found)
    assert names(cache) == {"photos", found.model_id}


def test_download_of_a_process_that_was_killed_is_removed(store: Store, tmp_path: Path, cache: Path) -> None:
    models = ModelFolder(cache, 10 * SIZE, store.uri)
    models.prepare()
    for name, age in (("old", ABANDONED_S + 1), ("young", 1)):
        (cache / f".m-{name}").mkdir()
        os.utime(cache / f".m-{name}", (time.time() - age,) * 2)
    found = log(store, tmp_path)
    models.fetch(found)
    assert names(cache) == {".m-young", found.model_id}


def test_folder_is_made_for_this_user_alone(store: Store, cache: Path) -> None:
    ModelFolder(cache, SIZE, store.uri).prepare()
    assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_folder_that_others_can_write_to_is_refused(store: Store, tmp_path: Path, cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(Unavailable, match="writable for nobody else"):
        ModelFolder(cache, 10 * SIZE, store.uri).fetch(log(store, tmp_path))


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
        ModelFolder(Path(folder), SIZE, store.uri).fetch(log(store, tmp_path))
