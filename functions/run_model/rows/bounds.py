"""Bounds of what rows may take, checked before it is taken: a small message can stand for a large table.

The edge holds requests to the same bounds. They are checked here again: messages are input.
"""

from collections.abc import Collection, Sized

from functions.run_model.rows.refusals import WrongValue, refused
from functions.settings import RowSettings, load


def check_table(rows: int, columns: int) -> None:
    """Rows that each name another column are a table of as many columns as rows. Raises InputRefused."""
    limits = load(RowSettings)
    if rows > limits.max_rows:
        raise refused(f"there are {rows} rows, and {limits.max_rows} are allowed: send the rows in parts")
    if columns > limits.max_columns:
        raise refused(f"there are {columns} columns, and {limits.max_columns} are allowed: send lists as values")
    if rows * columns > limits.max_cells:
        raise refused(
            f"{rows} rows of {columns} columns are {rows * columns} values, and {limits.max_cells} are allowed: "
            "send the rows in parts"
        )


def check_values(values: Sized) -> None:
    """Raises WrongValue."""
    limits = load(RowSettings)
    if len(values) > limits.max_cells:
        raise WrongValue(f"there are {len(values)} values, and {limits.max_cells} are allowed: send the rows in parts")


def check_padded(texts: Collection[Sized]) -> None:
    """Text that becomes an array of numpy, which makes each value as long as the longest. Raises WrongValue."""
    limits = load(RowSettings)
    longest = max(map(len, texts), default=0)
    if len(texts) * longest > limits.max_cells:
        raise WrongValue(
            f"numpy makes each of {len(texts)} values as long as the longest, {longest} characters: "
            f"{len(texts) * longest} in all, and {limits.max_cells} are allowed"
        )
