"""The types of values: how each is read singly, and how a whole column of it is read at once where that is proven."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.run_model.rows import dates, values
from functions.run_model.rows.values import EXACT

if TYPE_CHECKING:
    from mlflow.types import DataType
    from numpy.typing import NDArray

EXACT_SINGLE = 2.0**24
EXACT_HALF = 2.0**11


@dataclass(frozen=True)
class Kind:
    """``read`` takes one value and raises WrongValue. ``plain`` are the JSON types that numpy converts without loss
    below ``exact``; of other columns every value is read. ``missing`` stands for null, where there is such a value."""

    noun: str
    dtype: str
    read: Callable[[Any], Any]
    plain: frozenset[type] = frozenset()
    exact: float = 0.0
    missing: Any = None
    has_missing: bool = False
    advice: str = ""

    def null(self, required: bool) -> str:
        """The reason why null is refused."""
        if required:
            return f"null is not {self.noun}, and the signature requires a value"
        return f"null is not {self.noun}{self.advice}"


_NO_MISSING = ", and MLflow has no missing value of this type: log the column as double"
BOOLEAN = Kind("true or false", "bool", values.boolean, frozenset({bool}), advice=_NO_MISSING)
STRING = Kind("text", "str", values.text, frozenset({str}), has_missing=True)
BINARY = Kind("base64", "object", values.binary, has_missing=True)
DATETIME = Kind("a date and time", "datetime64[ns]", dates.nanoseconds, missing=-(2**63), has_missing=True)
NAN = float("nan")
_NUMBERS = frozenset({int, float})
DOUBLE = Kind("a number", "float64", values.double, _NUMBERS, EXACT, NAN, has_missing=True)
SINGLE = Kind("a number", "float32", values.single, _NUMBERS, EXACT_SINGLE, NAN, has_missing=True)
HALF = Kind("a number", "float16", values.half, _NUMBERS, EXACT_HALF, NAN, has_missing=True)


def integer(bits: int, signed: bool = True) -> Kind:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    read = partial(values.whole_number, least=least, most=most)
    dtype = f"{'' if signed else 'u'}int{bits}"
    return Kind(values.WHOLE, dtype, read, frozenset({int}), advice=_NO_MISSING)


_KINDS = {
    "boolean": BOOLEAN,
    "integer": integer(32),
    "long": integer(64),
    "float": SINGLE,
    "double": DOUBLE,
    "string": STRING,
    "binary": BINARY,
    "datetime": DATETIME,
}


def kind_of(data_type: "DataType") -> Kind:
    return _KINDS[data_type.name]


def at_once(given: list[Any], kind: Kind, required: bool) -> "NDArray[Any] | None":
    """The column as numpy converts it; None unless that is proven to lose nothing. Null becomes the missing value."""
    import numpy as np

    types = set(map(type, given))
    nulls = given.count(None) if type(None) in types else 0
    if not types - {type(None)} <= kind.plain or (nulls and (required or not kind.has_missing)):
        return None
    if not kind.exact:
        return _exactly(given, "object" if kind.dtype == "str" else kind.dtype)
    try:
        array = np.array(given, dtype=np.float64)
    except OverflowError:
        return None
    return _floats(array, kind, nulls, int in types)


def _exactly(given: list[Any], dtype: str) -> "NDArray[Any] | None":
    import numpy as np

    try:
        return np.array(given, dtype=dtype)
    except OverflowError:  # a whole number beyond the type
        return None


def _floats(array: "NDArray[Any]", kind: Kind, nulls: int, has_integers: bool) -> "NDArray[Any] | None":
    import numpy as np

    if has_integers and (np.abs(array) >= kind.exact).any():
        return None
    with np.errstate(over="ignore"):
        array = array.astype(kind.dtype, copy=False)
    return array if int(np.isfinite(array).sum()) == len(array) - nulls else None
