"""What an MLmodel file may say before anything of its artifact is loaded."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.errors import ModelNotLoaded, ModelRefused
from functions.run_model.mlmodel import MAX_BYTES, check_allowed
from tests.unit.functions.run_model.models import entry

SKLEARN = {
    "loader_module": "mlflow.sklearn",
    "model_path": "model.pkl",
    "python_version": "3.11.7",
    "predict_fn": "predict",
}
CUSTOM = {"loader_module": "mlflow.pyfunc.model", "python_model": "python_model.pkl", "cloudpickle_version": "3"}
FROM_CODE = {"loader_module": "mlflow.pyfunc.loaders.code_model", "model_code_path": "model.py", "config": {"a": 1}}


def artifact(folder: Path, pyfunc: Any, **others: Any) -> Path:
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"python_function": pyfunc, **others}}), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("pyfunc", "flavors"),
    [
        (SKLEARN, ("sklearn",)),
        (SKLEARN | {"code": None, "env": {"conda": "conda.yaml"}}, ("xgboost", "sklearn")),
        (CUSTOM, ("python_function",)),
        (FROM_CODE, ("python_function",)),
        ({"loader_module": "mlflow.pytorch", "data": "data", "pickle_module_name": "mlflow.pytorch.pickle_module",
          "config": {"device": None}}, ("pytorch",)),
        (SKLEARN, ("python_function", "sklearn")),
    ],
)  # fmt: skip
def test_allowed(tmp_path: Path, pyfunc: Any, flavors: tuple[str, ...]) -> None:
    check_allowed(artifact(tmp_path, pyfunc, sklearn={"pickled_model": "model.pkl"}), entry(flavors=flavors))


@pytest.mark.parametrize(
    ("pyfunc", "others"),
    [
        (CUSTOM, {"sklearn": {}}),
        (FROM_CODE, {"sklearn": {}}),
        (SKLEARN | {"loader_module": "os"}, {}),
        (SKLEARN | {"loader_module": None}, {}),
        (SKLEARN | {"loader_module": ["mlflow.sklearn"]}, {}),
        (SKLEARN | {"loader_module": "mlflow.xgboost"}, {"sklearn": {}}),
        (SKLEARN | {"code": "code"}, {}),
        (SKLEARN, {"sklearn": {"code": "code"}}),
        (SKLEARN | {"model_code_path": "model.py"}, {}),
        (SKLEARN | {"config": {"a": 1}}, {}),
        (SKLEARN | {"config": "a.yaml"}, {}),
        (SKLEARN | {"surprise": 1}, {}),
        (SKLEARN | {"model_path": "../model.pkl"}, {}),
        (SKLEARN | {"model_path": "/etc/passwd"}, {}),
        (SKLEARN | {"data": "a/../../b"}, {}),
        (SKLEARN, {"sklearn": {"pickled_model": "../../model.pkl"}}),
        (SKLEARN | {"pickle_module_name": "os"}, {}),
        (SKLEARN, {"pytorch": {"pickle_module_name": "os"}}),
        (SKLEARN, {"tensorflow": {"parts": [{"path": "../x"}]}}),
    ],
)
def test_refused(tmp_path: Path, pyfunc: Any, others: Any) -> None:
    with pytest.raises(ModelRefused):
        check_allowed(artifact(tmp_path, pyfunc, **others), entry())


@pytest.mark.parametrize(
    "more",
    [
        {"code": "code"},
        {"model_code_path": "model.py"},
        {"saved_input_example_info": {"artifact_path": "../../etc/passwd"}},
        {"saved_input_example_info": {"serving_input_path": "/etc/passwd"}},
    ],
)
def test_refused_beside_the_flavours(tmp_path: Path, more: Any) -> None:
    (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": {"python_function": SKLEARN}} | more), "utf-8")
    with pytest.raises(ModelRefused):
        check_allowed(tmp_path, entry())


def test_names_that_look_like_paths_are_no_files(tmp_path: Path) -> None:
    check_allowed(artifact(tmp_path, SKLEARN, transformers={"source_model_name": "/models/bert"}), entry())


def test_code_paths_are_refused_also_where_own_code_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="code_paths"):
        check_allowed(artifact(tmp_path, CUSTOM | {"code": "code"}), entry(flavors=("python_function",)))


def test_link_is_refused(tmp_path: Path) -> None:
    artifact(tmp_path, SKLEARN)
    (tmp_path / "model.pkl").symlink_to("/etc/passwd")
    with pytest.raises(ModelRefused, match="link"):
        check_allowed(tmp_path, entry())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "a: b",
        "flavors: []",
        "flavors: {sklearn: {}}",
        "flavors: {python_function: 1}",
        "{",
        "\x00",
        "!!python/object:os.system {}",
    ],
)
def test_no_mlflow_model(tmp_path: Path, text: str) -> None:
    (tmp_path / "MLmodel").write_text(text, "utf-8")
    with pytest.raises(ModelNotLoaded):
        check_allowed(tmp_path, entry())


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "a: " + "{a: " * 100_000,
        "".join(f"{' ' * level}- \n" for level in range(200)),
        "a: &a [1]\nb: [*a, *a]",
        "#" * (MAX_BYTES + 1),
    ],
    ids=["brackets", "braces", "indentation", "aliases", "size"],
)
def test_file_that_its_parser_would_not_survive_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "MLmodel").write_text(text, "utf-8")
    with pytest.raises((ModelRefused, ModelNotLoaded)):
        check_allowed(tmp_path, entry())


def test_missing_file_is_no_mlflow_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotLoaded):
        check_allowed(tmp_path, entry())
