"""JSON of pandas' frames, series, indexes and extension arrays. Their own index and name are not shown."""

from typing import Any

from functions.run_model.json_values.converter import (
    MAX_CELLS,
    Converter,
    Handler,
    NoJson,
    check_depth,
    short_json,
    type_name,
)


def pandas_kinds() -> dict[type, Handler]:
    import pandas as pd

    return {
        pd.Series: _series,
        pd.Index: _series,
        pd.api.extensions.ExtensionArray: _extension_array,
        pd.DataFrame: _frame,
        type(pd.NA): _null,
        type(pd.NaT): _null,
    }


def _null(value: Any, depth: int, converter: Converter) -> None:
    return None


def _series(value: Any, depth: int, converter: Converter) -> Any:
    import numpy as np

    if isinstance(value.dtype, np.dtype):
        return converter.value(value.to_numpy(), depth)
    return _extension_array(value.array, depth, converter)


def _extension_array(value: Any, depth: int, converter: Converter) -> Any:
    import numpy as np

    if isinstance(value.dtype, np.dtype):  # dates and durations without a zone
        return converter.value(value.to_numpy(), depth)
    _check_cells(value, [value.dtype])
    return converter.array(value.tolist(), depth)


def _frame(value: Any, depth: int, converter: Converter) -> list[dict[str, Any]]:
    """One object a row. Columns are converted whole, which is many times faster than rows."""
    check_depth(value, depth)
    _check_cells(value, value.dtypes)
    names = _names(value, depth, converter)
    converter.spend(len(value) * sum(len(name) + 3 for name in names))
    if not names:
        return [{} for _ in range(len(value))]
    columns = [
        _column(name, column, depth + 1, converter) for name, (_, column) in zip(names, value.items(), strict=True)
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _column(name: str, column: Any, depth: int, converter: Converter) -> Any:
    try:
        return converter.value(column, depth)
    except NoJson as error:
        error.steps.insert(1, name)  # after the row
        raise


def _names(frame: Any, depth: int, converter: Converter) -> list[str]:
    """The columns' names as text. Raises NoJson for two of the same text: one of them would be lost."""
    names = [_name(name, depth, converter) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for position, name in enumerate(names) if name in names[:position])
        raise NoJson(type_name(frame), f"has two columns {short_json(twice)}")
    return names


def _name(name: Any, depth: int, converter: Converter) -> str:
    """Of several levels: ``price|mean``."""
    if isinstance(name, tuple):
        return "|".join(converter.key(part, depth) for part in name)
    return converter.key(name, depth)


def _check_cells(value: Any, dtypes: Any) -> None:
    import pandas as pd

    if value.size > MAX_CELLS and any(isinstance(dtype, pd.SparseDtype) for dtype in dtypes):
        raise NoJson(type_name(value), f"of more than {MAX_CELLS:,} cells is too large to be written out")
