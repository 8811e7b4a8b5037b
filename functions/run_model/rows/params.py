"""Parameters of a prediction, checked as strictly as rows by the signature's own."""

from typing import TYPE_CHECKING, Any

from functions.run_model.rows.bounds import check_padded
from functions.run_model.rows.columns import read_value
from functions.run_model.rows.kinds import kind_of
from functions.run_model.rows.nested import nested_reader
from functions.run_model.rows.refusals import Refusals, WrongValue, refused, short, shown

if TYPE_CHECKING:
    from mlflow.types import DataType, ParamSchema, ParamSpec


def read_params(given: Any, schema: "ParamSchema | None") -> dict[str, Any] | None:
    """The given ones as the schema's types; MLflow adds the defaults. Raises InputRefused."""
    if given is None or given == {}:
        return None
    if not isinstance(given, dict):
        raise refused(f"params is an object, not {shown(given)}")
    if schema is None:
        raise refused("the model takes no params")
    specs = {spec.name: spec for spec in schema}
    wrong = Refusals()
    found = {name: _read(name, value, specs, wrong) for name, value in given.items()}
    wrong.raise_if_any()
    return found


def _read(name: str, value: Any, specs: "dict[str, ParamSpec]", wrong: Refusals) -> Any:
    spec = specs.get(name)
    if spec is None:
        wrong.add(f"params: the model has no {short(repr(name))}; it has {', '.join(sorted(specs))}")
        return None
    try:
        return _value(value, spec)
    except WrongValue as error:
        wrong.add(f"params, {short(name)}: {error}")
        return None


def _value(value: Any, spec: "ParamSpec") -> Any:
    from mlflow.types import DataType

    if not isinstance(spec.dtype, DataType):
        return nested_reader(spec.dtype, True)(value)
    if spec.shape is None:
        return _scalar(value, spec.dtype)
    if not isinstance(value, list):
        raise WrongValue(f"{shown(value)} is not a list")
    found = [_scalar(each, spec.dtype) for each in value]
    if spec.dtype == DataType.string:
        check_padded(found)
    return found


def _scalar(value: Any, dtype: "DataType") -> Any:
    """A value of Python's own types: MLflow's check of parameters leaves it as it is."""
    import numpy as np

    found = read_value(value, kind_of(dtype), True)
    if dtype.name != "datetime":
        return found
    if found % 1000:
        raise WrongValue(f"{shown(value)} has nanoseconds, and dates of params have microseconds")
    return np.datetime64(found // 1000, "us").item()
