"""Loads of real models: side by side, hanging, and of copies that are damaged."""

import asyncio
import socket
import threading
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import orjson
import pandas as pd
import pytest
import pytest_asyncio
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

from functions.errors import ModelNotLoaded, Unavailable
from functions.run_model.loader import DOWNLOADS, Loader
from functions.run_model.loading import LoadedModel
from functions.run_model.lookup import Found
from functions.run_model.model_folder import ModelFolder
from functions.run_model.served_model import ServedModel
from functions.run_model.threads import Threads
from tests.unit.functions.run_model.mlflow_store import Store
from tests.unit.functions.run_model.models import entry

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
CODE = """
import mlflow
from mlflow.pyfunc import PythonModel

class Tripler(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"] * 3

mlflow.models.set_model(Tripler())
"""
PYTHON_FUNCTION = entry(flavors=("python_function",))


@pytest.fixture(autouse=True)
def tracking_uri(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # as in a runner


@pytest.fixture
def doubler(store: Store, tmp_path: Path) -> Found:
    """A logged model that doubles column a."""
    return log(store, save(tmp_path / "model", LinearRegression()))


def save(folder: Path, model: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickle
        mlflow.sklearn.save_model(
            model.fit(FRAME, FRAME["a"] * 2),
            folder,
            serialization_format="cloudpickle",
            signature=infer_signature(FRAME),
            pip_requirements=["scikit-learn"],
        )
    return folder


def log(store: Store, folder: Path) -> Found:
    model = store.client.create_logged_model(store.experiment, name="model")
    store.client.log_model_artifacts(model.model_id, str(folder))
    return Found(model.model_id, None)


def log_code(store: Store, folder: Path, code: str) -> Found:
    """A model from code."""
    (folder / "model.py").write_text(CODE, "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about type hints that are missing
        mlflow.pyfunc.save_model(
            folder / "saved",
            python_model=str(folder / "model.py"),
            signature=infer_signature(FRAME),
            pip_requirements=["scikit-learn"],
        )
    (folder / "saved" / "model.py").write_text(code, "utf-8")
    return log(store, folder / "saved")


class Gate:
    """Holds the loads of the models that it is told, as code of theirs would."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.open = threading.Event()
        self.began = threading.Event()
        self.loading = self.most = 0

    def __call__(self, loaded: LoadedModel) -> ServedModel:
        self.loading += 1
        self.most = max(self.most, self.loading)
        if loaded.found.model_id in self.held:
            self.began.set()
            self.open.wait()
        self.loading -= 1
        return ServedModel(loaded, 1000, lambda reason: None, Threads("predict", 1, 30))


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def loader_of(store: Store, cache: Path, gate: Gate) -> Callable[[float], Loader]:
    return lambda timeout_s: Loader(ModelFolder(cache, 10**9, store.uri), gate, timeout_s)


async def predicted(served: ServedModel) -> Any:
    return orjson.loads(bytes((await served.predict([{"a": 3.0}])).result))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda folder: (folder / "model.pkl").write_bytes((folder / "model.pkl").read_bytes()[:100]),
    "garbage": lambda folder: (folder / "model.pkl").write_bytes(b"garbage"),
    "gone": lambda folder: (folder / "model.pkl").unlink(),
    "no MLmodel": lambda folder: (folder / "MLmodel").write_bytes(b""),
    "half an MLmodel": lambda folder: (folder / "MLmodel").write_bytes((folder / "MLmodel").read_bytes()[:60]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
async def test_damaged_copy_is_fetched_again(
    doubler: Found, cache: Path, loader_of: Callable[[float], Loader], damage: Callable[[Path], object]
) -> None:
    loader = loader_of(30)
    await loader.load(doubler, entry())
    for _ in range(2):
        damage(cache / doubler.model_id)
        assert await predicted(await loader.load(doubler, entry())) == pytest.approx([6.0])


async def test_model_that_cannot_be_loaded_is_not_downloaded_for_each_request(
    store: Store, tmp_path: Path, cache: Path, loader_of: Callable[[float], Loader]
) -> None:
    broken = log_code(store, tmp_path, "1 / 0")
    loader = loader_of(30)
    for _ in range(2):
        with pytest.raises(ModelNotLoaded):
            await loader.load(broken, PYTHON_FUNCTION)
    (cache / broken.model_id / "kept").touch()
    with pytest.raises(ModelNotLoaded):
        await loader.load(broken, PYTHON_FUNCTION)
    assert (cache / broken.model_id / "kept").exists()


async def test_hanging_load_is_given_up_and_others_go_on(
    store: Store, tmp_path: Path, doubler: Found, loader_of: Callable[[float], Loader], gate: Gate
) -> None:
    loader = loader_of(5)
    hanging = log(store, tmp_path / "model")
    gate.held = {hanging.model_id}
    for _ in range(2):  # the second time at once
        with pytest.raises(ModelNotLoaded, match="did not load"):
            await loader.load(hanging, entry())
    assert loader.hung == 1
    assert await predicted(await loader.load(doubler, entry())) == pytest.approx([6.0])
    gate.open.set()
    while loader.hung:
        await asyncio.to_thread(gate.open.wait)
    assert await predicted(await loader.load(hanging, entry())) == pytest.approx([6.0])


async def test_copy_on_disk_is_loaded_while_downloads_hang(
    store: Store, doubler: Found, cache: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow takes connections and never answers."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ModelFolder(cache, 10**9, store.uri).download(doubler)
    with ExitStack() as sockets:
        silent = sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        loader = Loader(ModelFolder(cache, 10**9, uri), gate, 30)
        hanging = [asyncio.create_task(loader.load(Found(f"m-{n}", None), entry())) for n in range(DOWNLOADS)]
        for _ in hanging:
            sockets.enter_context((await asyncio.to_thread(silent.accept))[0])
        assert await predicted(await loader.load(doubler, entry())) == pytest.approx([6.0])
    assert {type(error) for error in await asyncio.gather(*hanging, return_exceptions=True)} == {Unavailable}


async def test_model_from_code_is_put_off_while_another_load_hangs(
    store: Store, tmp_path: Path, doubler: Found, loader_of: Callable[[float], Loader], gate: Gate
) -> None:
    loader = loader_of(5)
    gate.held = {doubler.model_id}
    with pytest.raises(ModelNotLoaded):
        await loader.load(doubler, entry())
    (tmp_path / "code").mkdir()
    tripler = log_code(store, tmp_path / "code", CODE)
    with pytest.raises(Unavailable, match="model from code"):
        await loader.load(tripler, PYTHON_FUNCTION)
    gate.open.set()
    while loader.hung:
        await asyncio.to_thread(gate.open.wait)
    assert await predicted(await loader.load(tripler, PYTHON_FUNCTION)) == [9.0]


async def test_one_model_loads_at_a_time(
    store: Store, tmp_path: Path, doubler: Found, loader_of: Callable[[float], Loader], gate: Gate
) -> None:
    """Two threads that import scikit-learn for the first time find it half initialised (seen in 6 of 6 processes)."""
    loader = loader_of(30)
    models = [doubler, *(log(store, tmp_path / "model") for _ in range(3))]
    gate.held = {model.model_id for model in models}
    loads = [asyncio.create_task(loader.load(model, entry())) for model in models]
    assert await asyncio.to_thread(gate.began.wait, 30)
    gate.open.set()
    await asyncio.gather(*loads)
    assert gate.most == 1
