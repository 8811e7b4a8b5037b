"""JSON of numpy's arrays and scalars."""

from typing import Any

from functions.run_model.json_values.converter import Converter, Handler, NoJson, check_depth, type_name
from functions.run_model.json_values.python_values import duration
from functions.run_model.json_values.scalars import base64_text, iso_date, number

_LEAST_BYTES = {"b": 5, "f": 4}
"""Of one value in JSON, with its comma, by the kind of dtype: ``true,`` and ``0.0,``."""
_OF_PYTHON = "biufUSO"
"""Kinds of dtype whose ``tolist`` gives Python's own values. Of the others it gives integers or tuples, or cuts."""


def numpy_kinds() -> dict[type, Handler]:
    import numpy as np

    return {
        np.ndarray: _array,
        np.ma.MaskedArray: _masked_array,
        np.ma.core.MaskedConstant: _null,
        np.ma.mvoid: _void,
        np.bool_: _boolean,
        np.integer: _integer,
        np.floating: _float,
        np.datetime64: _date,
        np.timedelta64: _duration,
        np.void: _void,
    }


def _array(value: Any, depth: int, converter: Converter) -> Any:
    import numpy as np

    check_depth(value, depth, value.ndim)
    kind = value.dtype.kind
    if kind in "biu" or (kind == "f" and value.dtype.char != "g" and np.isfinite(value).all()):
        converter.spend(value.size * _LEAST_BYTES.get(kind, 2))
        return _own(value).tolist()
    return _elements(_own(value), depth, converter)


def _own(value: Any) -> Any:
    """Without numpy's subclasses (matrix, memmap, recarray). Another library's means more than numbers: units."""
    import numpy as np

    if type(value) is np.ndarray:
        return value
    if type(value).__module__.split(".")[0] != "numpy":
        raise NoJson(type_name(value))
    return np.asarray(value)


def _elements(value: Any, depth: int, converter: Converter) -> Any:
    check_depth(value, depth)
    if value.ndim == 0:
        return converter.value(value[()], depth + 1)
    return converter.array(value.tolist() if value.dtype.kind in _OF_PYTHON else list(value), depth)


def _masked_array(value: Any, depth: int, converter: Converter) -> Any:
    """Null where it is masked: whatever lies below the mask is nobody's."""
    import numpy as np

    check_depth(value, depth)
    _own(value)
    data, mask = np.ma.getdata(value, subok=False), np.ma.getmaskarray(value)
    if value.ndim == 1 and not value.dtype.names:
        return converter.array([None if hidden else each for each, hidden in zip(data, mask, strict=True)], depth)
    plain = np.ma.MaskedArray(data, mask)
    return converter.value(plain[()], depth + 1) if value.ndim == 0 else converter.array(list(plain), depth)


def _null(value: Any, depth: int, converter: Converter) -> None:
    return None


def _boolean(value: Any, depth: int, converter: Converter) -> bool:
    return bool(value)


def _integer(value: Any, depth: int, converter: Converter) -> int:
    return int(value)


def _float(value: Any, depth: int, converter: Converter) -> Any:
    """Of a longdouble too, where a float is exactly it."""
    plain = float(value)
    if plain == value or value != value:
        return number(plain)
    raise NoJson(type_name(value), "is not exactly a number of 64 bits")


def _date(value: Any, depth: int, converter: Converter) -> str | None:
    import numpy as np

    if np.isnat(value):
        return None
    text = iso_date(str(value))
    if text is None:
        raise NoJson(type_name(value), "is outside the years 1 to 9999, or finer than nanoseconds")
    return text


def _duration(value: Any, depth: int, converter: Converter) -> str | None:
    import numpy as np

    if np.isnat(value):
        return None
    if np.datetime_data(value.dtype)[0] == "generic":
        raise NoJson(type_name(value), "without a unit has no JSON form")
    return duration(value, depth, converter)


def _void(value: Any, depth: int, converter: Converter) -> Any:
    """A record by the names of its fields; without names it is bytes."""
    names = value.dtype.names
    if names is None:
        return base64_text(value.tobytes())
    return converter.object([(name, value[name]) for name in names], value, depth)
