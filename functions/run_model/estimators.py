"""The parts of a model: are all of them a library's own, and does each look at one row at a time?"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

ROW_WISE_LOADERS = frozenset({"mlflow.sklearn", "mlflow.xgboost", "mlflow.lightgbm", "mlflow.catboost"})
"""Loader modules of flavours that predict row by row as long as nothing else is among their parts. (onnx is none: its
graph may do anything to a batch.)"""
ROW_WISE_MODULES = frozenset(
    {"_loss", "base", "calibration", "compose", "discriminant_analysis", "dummy", "ensemble", "feature_extraction",
     "feature_selection", "isotonic", "kernel_ridge", "linear_model", "metrics", "model_selection", "multiclass",
     "multioutput", "naive_bayes", "neural_network", "pipeline", "preprocessing", "svm", "tree", "utils"}
)  # fmt: skip
"""Packages of scikit-learn whose estimators look at a row alone when they predict. Others do not: neighbours and
clusters let the last place of a distance decide between ties, and a factorization may begin with the batch's mean."""
ROW_WISE_CLASSES = frozenset({"PCA", "TruncatedSVD", "SimpleImputer", "MissingIndicator"})
"""Row-wise estimators of the other packages."""
RANDOM_STRATEGIES = frozenset({"stratified", "uniform"})
"""Of a DummyClassifier: it draws its predictions, one after the other."""
LIBRARIES = frozenset({"sklearn", "xgboost", "lightgbm", "catboost"})
_WHOLE_LOADERS = frozenset({"mlflow.onnx", "mlflow.prophet"})
"""Loader modules of models that are a library's own as a whole, though not row-wise."""
_PLAIN = frozenset({"builtins", "numpy", "scipy", "pandas"})
MAX_PARTS = 10_000


def loader_module(model: "PyFuncModel") -> str:
    return str(model.metadata.flavors["python_function"]["loader_module"])


def custom_part(model: "PyFuncModel") -> str | None:
    """The name of the first part that is not a known library's own; None where there is none.

    Parts are the estimator, the estimators in it and their settings. What a library's own code raises is about the
    rows, and its text holds nothing that the client did not send.
    """
    loader = loader_module(model)
    if loader in _WHOLE_LOADERS:
        return None
    return _first(model, _custom) if loader in ROW_WISE_LOADERS else loader


def row_dependent_part(model: "PyFuncModel") -> str | None:
    """The name of the first part that may look at more than one row when it predicts; None where there is none.

    A function that somebody wrote can do anything to a batch, and so can a class.
    """
    loader = loader_module(model)
    return _first(model, _row_dependent) if loader in ROW_WISE_LOADERS else loader


def _first(model: "PyFuncModel", name_of: Callable[[Any], str | None]) -> str | None:
    for number, part in enumerate(_parts(model.get_raw_model())):
        if number > MAX_PARTS:
            return "an estimator of too many parts"
        if name := name_of(part):
            return name
    return None


def _parts(root: Any) -> Iterator[Any]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        waiting.extend(_inside(part))


def _inside(part: Any) -> Iterator[Any]:
    """The estimators and settings in an estimator, and the entries of what holds several."""
    if isinstance(part, dict):
        yield from part.values()
    elif isinstance(part, list | tuple | set | frozenset):
        yield from (each for each in part if not isinstance(each, str | int | float | None))
    elif _library(type(part)) == "sklearn":
        # Settings and fitted parts: a Pipeline's steps are a setting, a forest's trees are fitted.
        yield from filter(_may_hold_parts, getattr(part, "__dict__", {}).values())


def _may_hold_parts(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | set | frozenset) or callable(value) or hasattr(value, "get_params")


def _row_dependent(part: Any) -> str | None:
    kind = part if isinstance(part, type) else type(part)
    if _library(kind) == "sklearn" and not _is_row_wise(kind, part):
        return _name(kind)
    return _custom(part)


def _custom(part: Any) -> str | None:
    kind = part if isinstance(part, type) else type(part)
    library = _library(kind)
    if callable(part) and not isinstance(part, type) and library not in LIBRARIES:
        return None if kind.__name__ == "ufunc" else _name(part)
    if library in LIBRARIES:
        shadowed = {"predict", "predict_proba", "transform"} & getattr(part, "__dict__", {}).keys()
        return f"{kind.__qualname__} with a method of its own" if shadowed else None
    return None if library in _PLAIN else _name(kind)


def _is_row_wise(kind: type, part: Any) -> bool:
    package = kind.__module__.split(".")[1]
    if package == "dummy":
        return getattr(part, "strategy", None) not in RANDOM_STRATEGIES
    return package in ROW_WISE_MODULES or kind.__name__ in ROW_WISE_CLASSES


def _library(kind: type) -> str:
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def _name(part: Any) -> str:
    return f"{getattr(part, '__module__', '?')}.{getattr(part, '__qualname__', type(part).__qualname__)}"
