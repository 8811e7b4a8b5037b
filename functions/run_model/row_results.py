"""Results that have one entry a row: how many rows, and whether two of them are the same."""

from typing import Any

_TOLERANCES = {"e": 1e-2, "f": 1e-5, "d": 1e-9, "g": 1e-9}
"""By numpy's type character, of the largest value of the column: what another order of summation may change."""


def row_count(prediction: Any) -> int | None:
    """How many rows the result has, one entry a row, judged before it becomes a list.

    None when its first axis is not known to be rows: a list may be by output, and an index other than 0, 1, 2...
    says that rows were moved or left out.
    """
    import numpy as np
    import pandas as pd

    if isinstance(prediction, np.ndarray):
        return len(prediction) if prediction.ndim else None
    if isinstance(prediction, pd.Series | pd.DataFrame) and _is_default(prediction.index):
        return len(prediction)
    return None


def _is_default(index: Any) -> bool:
    import pandas as pd

    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def same_rows(left: Any, right: Any, whole: Any = None) -> bool:
    """True if two results (arrays, series or frames) differ in the last places of floating-point numbers at most.

    `whole` is the result that one of them is a part of, if it is one: the largest value of its column says what a last
    place is, since a sum near zero has the places of its terms. The index of a series or frame is not compared: a part
    of a merged result has another one.
    """
    import numpy as np
    import pandas as pd

    if type(left) is not type(right):
        return False
    whole = left if whole is None else whole
    if isinstance(left, pd.DataFrame):
        return _same_frames(left, right, whole)
    if isinstance(left, pd.Series):
        return _same_arrays(left.array, right.array, whole.array)
    return isinstance(left, np.ndarray) and _same_arrays(left, right, whole)


def _same_frames(left: Any, right: Any, whole: Any) -> bool:
    if left.shape != right.shape or not left.columns.equals(right.columns):
        return False
    columns = ([each.iloc[:, n].array for each in (left, right, whole)] for n in range(left.shape[1]))
    return all(_same_arrays(*arrays) for arrays in columns)


def _same_arrays(left: Any, right: Any, whole: Any) -> bool:
    if left.shape != right.shape or not _same_types(left.dtype, right.dtype):
        return False
    tolerance = _TOLERANCES.get(_float_character(left.dtype))
    return _same_json(left, right) if tolerance is None else _same_floats(left, right, tolerance, whole)


def _same_types(left: Any, right: Any) -> bool:
    """Texts and bytes of a fixed width are as wide as the longest of each result."""
    return bool(left == right) or (left.kind == right.kind and left.kind in "US")


def _float_character(dtype: Any) -> str:
    """Of pandas' own Float32 and Float64 as well."""
    import numpy as np

    numpy_dtype = getattr(dtype, "numpy_dtype", dtype)
    return numpy_dtype.char if isinstance(numpy_dtype, np.dtype) else ""


def _same_floats(left: Any, right: Any, tolerance: float, whole: Any) -> bool:
    import numpy as np

    left, left_missing = _floats(left)
    right, right_missing = _floats(right)
    finite = np.isfinite(left) & np.isfinite(right)
    if not np.array_equal(left_missing, right_missing):
        return False
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True):
        return False
    left, right = np.where(finite, left, 0), np.where(finite, right, 0)
    largest, _ = _floats(whole)
    scale = abs(np.where(np.isfinite(largest), largest, 0)).max(axis=0, initial=0)
    return bool((abs(left - right) <= tolerance * scale).all())


def _floats(values: Any) -> tuple[Any, Any]:
    """As numpy's widest floats, and what is missing without being NaN (the mask of a masked or nullable array)."""
    import numpy as np
    import pandas as pd

    if isinstance(values, np.ma.MaskedArray):
        return values.filled(0).astype(np.longdouble), np.ma.getmaskarray(values)
    if isinstance(values, np.ndarray):
        return values.astype(np.longdouble), np.zeros(0)
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=0), np.longdouble), pd.isna(values)


def _same_json(left: Any, right: Any) -> bool:
    import orjson

    from functions.run_model.json_values import NoJson, json_value

    try:
        return orjson.dumps(json_value(left)) == orjson.dumps(json_value(right))
    except NoJson:
        return False
