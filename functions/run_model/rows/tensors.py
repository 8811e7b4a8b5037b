"""Nested lists to an array of the dtype and the shape that a tensor signature has."""

from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

from functions.run_model.rows import kinds
from functions.run_model.rows.bounds import check_padded, check_values
from functions.run_model.rows.columns import read_column
from functions.run_model.rows.kinds import Kind
from functions.run_model.rows.refusals import Refusals, WrongValue, shown
from functions.run_model.rows.untyped import untyped_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape = tuple[int, ...]
_FLOATS = {"float16": kinds.HALF, "float32": kinds.SINGLE, "float64": kinds.DOUBLE}


def kind_of_dtype(dtype: Any) -> Kind | None:
    """None for numpy's dtypes that JSON has no values for; objects are anything and have no kind either."""
    if dtype.kind in "iu":
        return kinds.integer(8 * dtype.itemsize, dtype.kind == "i")
    return {"b": kinds.BOOLEAN, "U": kinds.STRING, "M": kinds.DATETIME}.get(dtype.kind) or _FLOATS.get(dtype.name)


class Tensor:
    """Reads one tensor of a signature."""

    def __init__(self, dtype: Any, shape: Shape, name: str | None) -> None:
        self.name = name
        self.shape = shape
        self._dtype = dtype
        self._kind = kind_of_dtype(dtype)
        self._where = f"tensor {name}, " if name is not None else ""

    def read(self, value: Any, wrong: Refusals) -> "NDArray[Any] | None":
        """The array of the values. Mistakes are added to *wrong*."""
        try:
            if self._dtype.kind == "O":
                return self._objects(value)
            if self._kind is None:
                raise WrongValue(f"JSON has no values for a tensor of {self._dtype}")
            shape, flat = flatten(value)
            check_shape(shape, self.shape)
            return self._array(shape, flat, self._kind, wrong)
        except WrongValue as error:
            wrong.add(f"{self._where}{error}")
            return None

    def _array(self, shape: Shape, flat: list[Any], kind: Kind, wrong: Refusals) -> "NDArray[Any] | None":
        # A tensor's signature cannot say whether values may be missing, and NaN is how its rows have them.
        array, offenders = read_column(flat, kind, required=kind.dtype == "str" or not kind.has_missing)
        wrong.add_each(offenders, lambda each: f"{self._where}{place(each[0], shape)}: {each[1]}")
        if array is None:
            return None
        if self._dtype.kind == "U":
            check_padded(flat)
        found = array.astype(self._dtype)
        if self._dtype.kind in "UM" and (changed := (found != array) & (array == array)).any():  # NaT is not itself
            number = int(changed.argmax())
            raise WrongValue(f"{place(number, shape)}: {shown(flat[number])} is not the same as numpy's {self._dtype}")
        return found.reshape(shape)

    def _objects(self, value: Any) -> "NDArray[Any]":
        """MLflow takes anything as a list of objects, ragged ones too: each row is one of them."""
        import numpy as np

        if self.shape != (-1,):
            shape, value = flatten(value)
            check_shape(shape, self.shape)
        elif not isinstance(value, list) or not value:
            raise WrongValue("there are no rows")
        else:
            shape = (len(value),)
        array = np.empty(len(value), dtype=object)
        array[:] = value
        return array.reshape(shape)


def flatten(value: Any) -> tuple[Shape, list[Any]]:
    """Shape and values of nested lists. Raises WrongValue for ragged ones, and for too many values."""
    if not isinstance(value, list):
        return (), [value]
    shape, flat = [len(value)], value
    while set(map(type, flat)) == {list}:
        lengths = set(map(len, flat))
        if len(lengths) > 1:
            raise WrongValue(f"lists within one tensor differ in length: {min(lengths)} and {max(lengths)}")
        shape.append(lengths.pop())
        flat = list(chain.from_iterable(flat))
    if list in set(map(type, flat)):
        raise WrongValue("there are values beside lists within one tensor")
    check_values(flat)
    return tuple(shape), flat


def check_shape(given: Shape, expected: Shape) -> None:
    """Raises WrongValue; -1 is any length."""
    if given[:1] == (0,):
        raise WrongValue("there are no rows")
    fits = len(given) == len(expected) and all(want in (-1, has) for has, want in zip(given, expected, strict=True))
    if not fits:
        raise WrongValue(f"the shape is {given}, and the signature has {expected}")


def place(number: int, shape: Shape) -> str:
    """The row, and where in it, of the n-th value."""
    indices: list[int] = []
    for length in reversed(shape):
        number, index = divmod(number, length)
        indices.insert(0, index)
    inner = "".join(f"[{index}]" for index in indices[1:])
    return f"row {indices[0] if indices else 0}" + (f", {inner}" if inner else "")


def stacked(cells: list[Any], shape: Shape) -> list[Any]:
    """The cells of a column as one tensor, in MLflow's ways: scalars may be rows of one, flat lists get the shape."""
    if shape == (-1, 1) and not any(isinstance(cell, list) for cell in cells):
        return [[cell] for cell in cells]
    inner = shape[1:]
    if len(inner) > 1 and -1 not in inner and all(_is_flat(cell, prod(inner)) for cell in cells):
        return [_shaped(cell, inner) for cell in cells]
    return cells


def _is_flat(cell: Any, length: int) -> bool:
    return isinstance(cell, list) and len(cell) == length and not any(isinstance(each, list) for each in cell)


def _shaped(flat: list[Any], shape: Shape) -> list[Any]:
    if len(shape) == 1:
        return flat
    step = prod(shape[1:])
    return [_shaped(flat[start : start + step], shape[1:]) for start in range(0, len(flat), step)]


def untyped_tensor(value: Any, name: str, wrong: Refusals) -> "NDArray[Any] | None":
    """Without a signature: numbers, booleans or text as numpy has them, all of one kind."""
    import numpy as np

    try:
        shape, flat = flatten(value)
    except WrongValue as error:
        wrong.add(f"{name}{error}")
        return None
    column, offenders = untyped_column(flat)
    wrong.add_each(offenders, lambda each: f"{name}{place(each[0], shape)}: {each[1]}")
    return None if column is None else np.asarray(column).reshape(shape)
