"""The MLmodel file of an artifact: read within bounds, and held against the catalog before anything of it is loaded."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from functions.catalog import ModelType
from functions.errors import ModelNotLoaded, ModelRefused
from functions.flavors import LOADER_MODULES, PYTHON_FUNCTION

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
"""Levels of nesting: the parsers of YAML are recursive, and one of them is written in C."""
_PYFUNC_KEYS = frozenset(
    {"loader_module", "python_version", "env", "data", "model_path", "predict_fn", "code", "config", "model_code_path",
     "streamable", "python_model", "artifacts", "cloudpickle_version", "pickle_module_name"}
)  # fmt: skip
_CODE_KEYS = ("model_code_path", "python_model", "artifacts")
"""Keys that only models with code of their own have."""
_NEEDS = f"which needs {PYTHON_FUNCTION} among the catalog's flavors"
_PATH_KEYS = frozenset(
    {"artifact_path", "components", "data", "model_binary", "model_data", "model_path", "path", "pickled_model",
     "python_model", "saved_model_dir", "serving_input_path"}
)  # fmt: skip
"""Keys of the paths that MLflow joins to the artifact's folder, at any level of a flavour or of the input example."""
_PICKLERS = frozenset({"pickle", "cloudpickle", "mlflow.pytorch.pickle_module"})
_CONFIG_KEYS = {"mlflow.pytorch": frozenset({"device"})}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_allowed(folder: Path, entry: ModelType) -> None:
    """Raises ModelRefused for what the catalog does not allow, ModelNotLoaded for what is no MLflow model."""
    _check_links(folder)
    document = _document(folder / "MLmodel")
    flavors = _flavors(document)
    pyfunc = flavors[PYTHON_FUNCTION]
    loader = str(pyfunc.get("loader_module"))
    allowed = frozenset().union(*(LOADER_MODULES[name] for name in entry.flavors))
    if loader not in allowed:
        said = f"loaded by {loader[:100]}, which is none of the catalog's flavors {', '.join(entry.flavors)}"
        raise ModelRefused(f"The model is {said}.")
    if any(each.get("code") for each in (document, *flavors.values())):
        raise ModelRefused("The model carries code of its own (code_paths), which this service does not run.")
    _check_paths([flavors, document.get("saved_input_example_info")])
    if loader not in LOADER_MODULES[PYTHON_FUNCTION]:
        _check_no_code(loader, document)
        _check_no_code(loader, pyfunc)
        _check_no_unknown(loader, pyfunc)
        _check_picklers(flavors.values())


def is_from_code(folder: Path) -> bool:
    """Whether the model is a Python file that hands itself over to MLflow. Raises ModelRefused, ModelNotLoaded."""
    document = _document(folder / "MLmodel")
    return any(each.get("model_code_path") for each in (document, *_flavors(document).values()))


def _document(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelRefused(f"The MLmodel file has more than {MAX_BYTES} bytes.")
        text = path.read_text(encoding="utf-8")
        _check_depth(text)
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except ModelRefused:
        raise
    except Exception as error:  # a wrong date, number or key raises what Python's own type raises
        raise ModelNotLoaded("The artifact has no MLmodel file that can be read.") from error


def _check_depth(text: str) -> None:
    """By the parser's events, which come one by one and need no recursion."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ModelRefused("The MLmodel file has aliases, which MLflow does not write.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ModelRefused(f"The MLmodel file is nested deeper than {MAX_DEPTH} levels.")


def _flavors(document: Any) -> dict[str, Mapping[str, Any]]:
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict) or not isinstance(flavors.get(PYTHON_FUNCTION), dict):
        raise ModelNotLoaded("The artifact is no MLflow model with a python_function flavour.")
    return {str(name): flavor if isinstance(flavor, dict) else {} for name, flavor in flavors.items()}


def _check_no_code(loader: str, document: Mapping[str, Any]) -> None:
    """A model of a library's flavour names nothing that only models with code of their own have."""
    if found := [key for key in _CODE_KEYS if document.get(key)]:
        raise ModelRefused(f"The model is loaded by {loader} and has {found[0]}, {_NEEDS}.")


def _check_no_unknown(loader: str, pyfunc: Mapping[str, Any]) -> None:
    if unknown := sorted(map(str, pyfunc.keys() - _PYFUNC_KEYS)):
        raise ModelRefused(f"The model has the unknown entry {unknown[0][:100]}, {_NEEDS}.")
    config = pyfunc.get("config") or {}
    if not isinstance(config, dict) or config.keys() - _CONFIG_KEYS.get(loader, frozenset()):
        raise ModelRefused(f"The model has a config, {_NEEDS}.")


def _check_picklers(flavors: Iterable[Mapping[str, Any]]) -> None:
    """MLflow imports the module that is named here."""
    for flavor in flavors:
        if flavor.get("pickle_module_name", "pickle") not in _PICKLERS:
            raise ModelRefused("The model names a pickle module that is not MLflow's.")


def _check_paths(value: Any, key: str = "") -> None:
    """At every level, whose number is bounded."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_paths(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            _check_paths(inner, key)
    elif isinstance(value, str) and key in _PATH_KEYS:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ModelRefused(f"The MLmodel file names a file outside of the artifact: {key}.")


def _check_links(folder: Path) -> None:
    if any(path.is_symlink() for path in folder.rglob("*")):
        raise ModelRefused("The artifact holds symbolic links.")
