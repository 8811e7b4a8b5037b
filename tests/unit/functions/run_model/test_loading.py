"""Models of a real MLflow store, downloaded within bounds and loaded, whatever their code does."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.pyfunc import PythonModel
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

from functions.catalog import ModelType
from functions.errors import ModelNotLoaded, ModelRefused, Unavailable
from functions.run_model import model_folder
from functions.run_model.loading import LoadedModel, load_model
from functions.run_model.lookup import Found
from functions.run_model.model_folder import ModelFolder
from tests.unit.functions.run_model.mlflow_store import Store
from tests.unit.functions.run_model.models import answer, entry

FRAME = pd.DataFrame({"a": [1.0, 2.0]})
OPTIONS: dict[str, Any] = {"signature": infer_signature(FRAME, [1.0]), "pip_requirements": ["scikit-learn"]}
CODE = """
import mlflow
from mlflow.pyfunc import PythonModel

class Tripler(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"] * {factor}

mlflow.models.set_model(Tripler())
"""


@pytest.fixture(autouse=True)
def tracking_uri(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # as in a runner


def log(store: Store, folder: Path) -> Found:
    """The artifact of a folder as a logged model."""
    model = store.client.create_logged_model(store.experiment, name="model")
    store.client.log_model_artifacts(model.model_id, str(folder))
    return Found(model.model_id, None)


def save_sklearn(folder: Path, model: Any) -> Path:
    mlflow.sklearn.save_model(model, folder, serialization_format="cloudpickle", **OPTIONS)
    return folder


def save_pyfunc(folder: Path, model: Any, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about type hints that are missing
        mlflow.pyfunc.save_model(folder, python_model=model, **OPTIONS | options)
    return folder


def folder_of(store: Store, tmp_path: Path, max_bytes: int = 10**9) -> ModelFolder:
    return ModelFolder(tmp_path / "cache", max_bytes, store.uri)


def load(folder: ModelFolder, found: Found, entry: ModelType) -> LoadedModel:
    path = folder.download(found)
    return load_model(found, path, entry)


class Doubler(PythonModel):  # type: ignore[misc]  # mlflow has no types
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # MLflow reads type hints
        return model_input["a"] * 2


def test_sklearn_model_is_loaded(store: Store, tmp_path: Path) -> None:
    found = log(store, save_sklearn(tmp_path / "saved", LinearRegression().fit(FRAME, FRAME["a"] * 2)))
    loaded = load(folder_of(store, tmp_path), found, entry())
    assert answer(loaded.scorer, [{"a": 3}]) == pytest.approx([6.0])
    assert len(loaded.example) == 3


def test_python_model_is_loaded_where_the_catalog_allows_it(store: Store, tmp_path: Path) -> None:
    found = log(store, save_pyfunc(tmp_path / "saved", Doubler()))
    loaded = load(folder_of(store, tmp_path), found, entry(flavors=("python_function",)))
    assert answer(loaded.scorer, [{"a": 1.5}]) == [3.0]
    with pytest.raises(ModelRefused, match="none of the catalog's flavors sklearn"):
        load(folder_of(store, tmp_path), found, entry())


def test_models_from_code_do_not_mix(store: Store, tmp_path: Path) -> None:
    answers = []
    for factor in (3, 5):
        (tmp_path / "model.py").write_text(CODE.format(factor=factor), "utf-8")
        found = log(store, save_pyfunc(tmp_path / f"saved{factor}", str(tmp_path / "model.py")))
        answers.append(load(folder_of(store, tmp_path), found, entry(flavors=("python_function",))).scorer)
    assert [answer(scorer, [{"a": 1}]) for scorer in answers] == [[3.0], [5.0]]


def test_code_that_sets_no_model_is_not_given_the_one_loaded_before(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(CODE.format(factor=3), "utf-8")
    saved = save_pyfunc(tmp_path / "saved", str(tmp_path / "model.py"))
    allowed = entry(flavors=("python_function",))
    load(folder_of(store, tmp_path), log(store, saved), allowed)
    (saved / "model.py").write_text("nothing = 1", "utf-8")
    with pytest.raises(ModelNotLoaded):
        load(folder_of(store, tmp_path), log(store, saved), allowed)


def test_code_paths_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("", "utf-8")
    saved = save_pyfunc(tmp_path / "saved", Doubler(), code_paths=[str(tmp_path / "helper.py")])
    with pytest.raises(ModelRefused, match="code_paths"):
        load(folder_of(store, tmp_path), log(store, saved), entry(flavors=("python_function",)))


class Panic(BaseException):
    """What PyO3 raises for a panic in Rust."""


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Trap(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """A model whose loading raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def predict(self, rows: Any) -> Any:
        return [0.0]

    def __reduce__(self) -> Any:
        return _spring, (type(self.error), self.error.args if self.error else ())


def _spring(kind: Callable[..., BaseException], arguments: tuple[object, ...]) -> None:
    raise kind(*arguments)


@pytest.mark.parametrize(
    "error",
    [ValueError("hunter2"), SystemExit("hunter2"), KeyboardInterrupt("hunter2"), Panic("hunter2"), Unspeakable()],
    ids=lambda error: type(error).__name__,
)
def test_loading_that_raises_tells_the_type_alone(store: Store, tmp_path: Path, error: BaseException) -> None:
    found = log(store, save_sklearn(tmp_path / "saved", Trap(error)))
    with pytest.raises(ModelNotLoaded) as caught:
        load(folder_of(store, tmp_path), found, entry())
    assert type(error).__name__ in caught.value.detail
    assert "hunter2" not in caught.value.detail


def test_missing_library_is_named(store: Store, tmp_path: Path) -> None:
    found = log(store, save_sklearn(tmp_path / "saved", Trap(ModuleNotFoundError("hunter2", name="fancy"))))
    (tmp_path / "model.py").write_text("import fancy_library", "utf-8")
    with pytest.raises(ModelNotLoaded, match="ModuleNotFoundError"):
        load(folder_of(store, tmp_path), found, entry())


def test_missing_library_of_a_model_from_code_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(CODE.format(factor=3), "utf-8")
    saved = save_pyfunc(tmp_path / "saved", str(tmp_path / "model.py"))
    (saved / "model.py").write_text("import fancy_library\n", "utf-8")
    with pytest.raises(ModelNotLoaded, match="needs the Python module 'fancy_library'"):
        load(folder_of(store, tmp_path), log(store, saved), entry(flavors=("python_function",)))


def test_size_is_looked_at_before_the_download(store: Store, tmp_path: Path) -> None:
    found = log(store, save_sklearn(tmp_path / "saved", LinearRegression().fit(FRAME, [1.0, 2.0])))
    with pytest.raises(ModelRefused, match="larger"):
        load(folder_of(store, tmp_path, max_bytes=100), found, entry())
    assert not list((tmp_path / "cache").iterdir())


def test_number_of_files_is_bounded(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_folder, "MAX_FILES", 5)
    saved = save_sklearn(tmp_path / "saved", LinearRegression().fit(FRAME, [1.0, 2.0]))
    for number in range(5):
        (saved / "more" / str(number)).mkdir(parents=True)
        (saved / "more" / str(number) / "file").touch()
    with pytest.raises(ModelRefused, match="larger"):
        load(folder_of(store, tmp_path), log(store, saved), entry())


def test_artifact_that_is_no_model_is_not_loaded(store: Store, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "model.pkl").write_bytes(b"")
    with pytest.raises(ModelNotLoaded):
        load(folder_of(store, tmp_path), log(store, tmp_path / "saved"), entry())


def test_damaged_model_is_not_loaded(store: Store, tmp_path: Path) -> None:
    saved = save_sklearn(tmp_path / "saved", LinearRegression().fit(FRAME, [1.0, 2.0]))
    (saved / "model.pkl").write_bytes(b"\x80\x05damaged")
    with pytest.raises(ModelNotLoaded, match="UnpicklingError"):
        load(folder_of(store, tmp_path), log(store, saved), entry())


def test_deleted_artifact_cannot_be_downloaded(store: Store, tmp_path: Path) -> None:
    found = log(store, save_sklearn(tmp_path / "saved", LinearRegression().fit(FRAME, [1.0, 2.0])))
    shutil.rmtree(tmp_path / "artifacts")
    with pytest.raises((Unavailable, ModelNotLoaded)):
        load(folder_of(store, tmp_path), found, entry())


def test_folder_that_cannot_be_written_to_is_trouble_for_later(store: Store, tmp_path: Path) -> None:
    found = log(store, save_sklearn(tmp_path / "model", LinearRegression().fit(FRAME, [1.0, 2.0])))
    folder = tmp_path / "cache"
    models = ModelFolder(folder, 10**9, store.uri)
    folder.mkdir()
    (folder / found.model_id).write_text("a file where the model's folder would be")
    with pytest.raises(Unavailable, match="model cache cannot be written to"):
        load(models, found, entry())
    assert [path.name for path in folder.iterdir()] == [found.model_id]
