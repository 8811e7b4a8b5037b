"""Values of the signature's nested types: arrays, objects, maps and any.

What they become is what MLflow's own enforcement, which goes over them again, takes: it knows 32-bit numbers by their
numpy type, dates by numpy's, and lists of text through an array of fixed width that drops zeros at the end.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.run_model.rows.bounds import check_padded
from functions.run_model.rows.columns import read_column, read_value
from functions.run_model.rows.kinds import Kind, kind_of
from functions.run_model.rows.refusals import WrongValue, short, shown

if TYPE_CHECKING:
    from mlflow.types.schema import Object, Property

Reader = Callable[[Any], Any]
NULL = "null, and the signature requires a value"


def nested_reader(spec: Any, required: bool) -> Reader:
    """Reads one value of the type *spec* of MLflow; the reader raises WrongValue."""
    from mlflow.types import DataType
    from mlflow.types.schema import Array, Map, Object

    if isinstance(spec, DataType):
        return partial(_scalar, kind=kind_of(spec), required=required)
    if isinstance(spec, Array):
        return _optional(_array_reader(spec.dtype, required), required and not _is_any(spec.dtype))
    if isinstance(spec, Map):
        inner = nested_reader(spec.value_type, required)
        return _optional(partial(_map, reader=inner), required and not _is_any(spec.value_type))
    if isinstance(spec, Object):
        return _optional(_object_reader(spec), required)
    return _anything


def _is_any(spec: Any) -> bool:
    from mlflow.types.schema import AnyType

    return isinstance(spec, AnyType)


def _anything(value: Any) -> Any:
    return value


def _optional(reader: Reader, required: bool) -> Reader:
    return partial(_maybe, reader=reader, required=required)


def _maybe(value: Any, reader: Reader, required: bool) -> Any:
    if value is not None:
        return reader(value)
    if required:
        raise WrongValue(NULL)
    return None


def _scalar(value: Any, kind: Kind, required: bool) -> Any:
    """Null of an optional one is None in MLflow, whatever the type."""
    if value is None and not required:
        return None
    return _as_scalar(read_value(value, kind, required), kind)


def _as_scalar(found: Any, kind: Kind) -> Any:
    import numpy as np

    if kind.dtype.startswith("datetime64"):
        return np.datetime64(found, "ns")
    return np.dtype(kind.dtype).type(found) if kind.dtype in ("int32", "float32") else found


def _array_reader(spec: Any, required: bool) -> Reader:
    from mlflow.types import DataType

    if isinstance(spec, DataType):
        return partial(_scalars, kind=kind_of(spec), required=required)
    return partial(_array, reader=nested_reader(spec, required))


def _array(value: Any, reader: Reader) -> list[Any]:
    return [_at(f"[{place}]", reader, each) for place, each in enumerate(_as_list(value))]


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise WrongValue(f"{shown(value)} is not a list")
    return value


def _scalars(value: Any, kind: Kind, required: bool) -> list[Any]:
    given = _as_list(value)
    if kind.dtype in ("str", "object") and None in given:
        raise WrongValue(f"[{given.index(None)}] null: MLflow has no missing value in a list of text")
    array, offenders = read_column(given, kind, required)
    if array is None:
        raise WrongValue("; ".join(f"[{place}] {message}" for place, message in offenders[:3]))
    found: list[Any] = list(array) if kind.dtype in ("int32", "float32", "datetime64[ns]") else array.tolist()
    if kind.dtype in ("str", "object"):
        check_padded(found)
        if any(each[-1:] in ("\0", b"\0") for each in found):
            raise WrongValue("MLflow drops the zero character at the end of a value in a list")
    return found


def _map(value: Any, reader: Reader) -> dict[str, Any]:
    return {name: _at(short(name), reader, each) for name, each in _as_object(value).items()}


def _as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongValue(f"{shown(value)} is not an object")
    return value


def _object_reader(spec: "Object") -> Reader:
    readers = {each.name: _property_reader(each) for each in spec.properties}
    return partial(_object, readers=readers, required=[each.name for each in spec.properties if each.required])


def _property_reader(spec: "Property") -> Reader:
    return nested_reader(spec.dtype, bool(spec.required))


def _object(value: Any, readers: dict[str, Reader], required: list[str]) -> dict[str, Any]:
    given = _as_object(value)
    for name in required:
        if name not in given:
            raise WrongValue(f"the property {name!r} is missing")
    for name in given:
        if name not in readers:
            raise WrongValue(f"the signature has no property {short(repr(name))}; it has {', '.join(sorted(readers))}")
    return {name: _at(name, readers[name], each) for name, each in given.items()}


def _at(place: str, reader: Reader, value: Any) -> Any:
    try:
        return reader(value)
    except WrongValue as error:
        raise WrongValue(f"{place} {error}") from None
