"""The columns that a model was fitted with, for models without a signature."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

_ATTRIBUTES = {
    "": ("feature_names_in_",),
    "xgboost": ("feature_names",),
    "lightgbm": ("feature_name_", "feature_name"),
    "catboost": ("feature_names_",),
}
"""By the library that the model's class comes from; scikit-learn's convention is for every class."""
_INVENTED = re.compile(r"(?:Column_)?[0-9]+")
"""Names that lightgbm and CatBoost give to the columns of an array, which has none."""


def fitted_columns(model: "PyFuncModel") -> tuple[str, ...]:
    """The names in the order of fitting; none if the model does not know them. Never raises."""
    raw = _raw_model(model)
    for attribute in _attributes(type(raw)):
        if names := _names(raw, attribute):
            return names
    return ()


def _raw_model(model: "PyFuncModel") -> Any:
    try:
        return model.get_raw_model()
    except Exception:  # noqa: BLE001 - a flavour's wrapper may raise anything, and the wrapper itself may know
        # The only way to the wrapper (mlflow 3.17 documents it as stable for developers). test_fitted.py says whether
        # it is still needed: a wrapper whose `get_raw_model` raises.
        return getattr(model, "_model_impl", None)


def _attributes(kind: type) -> Iterator[str]:
    libraries = {base.__module__.split(".")[0] for base in kind.__mro__}
    for library, attributes in _ATTRIBUTES.items():
        if not library or library in libraries:
            yield from attributes


def _names(raw: Any, attribute: str) -> tuple[str, ...]:
    try:
        found = getattr(raw, attribute, None)
        found = found() if callable(found) else found
        names = () if found is None else tuple(found)
    except Exception:  # noqa: BLE001 - properties of foreign models raise anything, as before fitting
        return ()
    texts = all(isinstance(name, str) for name in names)
    return names if texts and not all(map(_INVENTED.fullmatch, names)) else ()
