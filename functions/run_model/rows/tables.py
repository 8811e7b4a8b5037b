"""Rows in any of their forms as a table: names, number of rows and the values by column. Pure.

Every form is checked here again, whatever the edge has checked: messages are input.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

from functions.run_model.rows.bounds import check_table
from functions.run_model.rows.refusals import MAX_ERRORS, Refusals, refused, shown

SCORING_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")
PARAMS = "params"


def _nowhere(_: int) -> list[int]:
    return []


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Table:
    """``column`` gives the values under the n-th name, ``lacking`` the rows that have none.

    ``in_order``: whether every row has its columns in the order of ``names``. One that is too large is refused as it is
    made, before its columns are.
    """

    names: list[Any]
    count: int
    column: Callable[[int], list[Any]]
    index: list[Any] | None = None
    lacking: Callable[[int], list[int]] = _nowhere
    in_order: Callable[[], bool] = _always

    def __post_init__(self) -> None:
        """Raises InputRefused."""
        check_table(self.count, len(self.names))


@dataclass(frozen=True)
class Body:
    """One form of rows (``records``, ``split``, ``instances`` or ``inputs``), its payload and the parameters."""

    form: str
    payload: Any
    params: Any = None


def body(rows: Any, columns: Collection[str]) -> Body:
    """*columns* are the model's: a single row may have one that is called as a form is. Raises InputRefused."""
    if isinstance(rows, list):
        return Body("records", rows)
    if not isinstance(rows, dict):
        raise refused(f"{shown(rows)} is no row, no list of rows and no scoring body")
    forms = [key for key in SCORING_KEYS if key in rows]
    if len(forms) == 1 and not rows.keys() - {forms[0], PARAMS} and isinstance(rows[forms[0]], list | dict):
        return Body(forms[0].removeprefix("dataframe_"), rows[forms[0]], rows.get(PARAMS))
    if any(form not in columns for form in forms):
        raise refused(
            f"a scoring body has exactly one of {', '.join(SCORING_KEYS)} with a list or an object, "
            f"and besides it only {PARAMS}; a row with such a column goes into a list"
        )
    return Body("records", [rows])


def records(rows: Any) -> Table:
    """Raises InputRefused."""
    if not isinstance(rows, list):
        raise refused(f"records are a list of objects, not {shown(rows)}")
    _no_rows(rows)
    wrong = Refusals()
    odd = [number for number, row in enumerate(rows) if not isinstance(row, dict)]
    wrong.add_each(odd, lambda number: f"row {number} is not an object: {shown(rows[number])}")
    wrong.raise_if_any()
    first = rows[0].keys()
    names = list(first)
    if all(row.keys() == first for row in rows):
        return Table(
            names,
            len(rows),
            lambda n: list(map(itemgetter(names[n]), rows)),
            in_order=lambda: all(list(row) == names for row in rows),
        )
    union = list(dict.fromkeys(chain.from_iterable(rows)))
    return Table(
        union,
        len(rows),
        lambda n: [row.get(union[n]) for row in rows],
        lacking=lambda n: [number for number, row in enumerate(rows) if union[n] not in row],
        in_order=lambda: False,
    )


def _no_rows(rows: Collection[Any]) -> None:
    if not rows:
        raise refused("there are no rows")


def split(given: Any) -> Table:
    """Raises InputRefused."""
    if not isinstance(given, dict) or "data" not in given or given.keys() - {"columns", "data", "index"}:
        raise refused("dataframe_split is an object of data, columns and, if need be, index")
    data, columns, index = given["data"], given.get("columns"), given.get("index")
    if not isinstance(data, list) or not isinstance(columns, list | None) or not isinstance(index, list | None):
        raise refused("data, columns and index of dataframe_split are lists")
    _no_rows(data)
    if index is not None:
        _check_index(index, len(data))
    table = matrix(data, len(columns) if columns is not None else None)
    return Table(table.names if columns is None else columns, table.count, table.column, index)


def _check_index(index: list[Any], count: int) -> None:
    if len(index) != count:
        raise refused(f"index has {len(index)} entries, data {count} row{'s' if count > 1 else ''}")
    kinds = set(map(type, index))
    if kinds not in ({int}, {float}, {str}) or (kinds == {int} and not -(2**63) <= min(index) <= max(index) < 2**63):
        raise refused("index holds whole numbers of 64 bits alone, other numbers alone or text alone")


def named_table(body: Body, inputs_are_one_row: bool = False) -> Table | None:
    """The rows by the names that they give their columns. None where they give no names. Raises InputRefused."""
    match body:
        case Body("records", rows):
            return records(rows)
        case Body("split", rows):
            return split(rows)
        case Body(_, dict() as columns):
            return records([columns]) if inputs_are_one_row else by_column(columns)
        case Body(_, list() as rows) if not rows or any(isinstance(row, dict) for row in rows):
            return records(rows)
    return None


def matrix(data: list[Any], width: int | None = None) -> Table:
    """Rows of values by position. Raises InputRefused."""
    _no_rows(data)
    wrong = Refusals()
    if width is None:
        width = len(data[0]) if isinstance(data[0], list) else 0
    if set(map(type, data)) != {list} or set(map(len, data)) != {width}:
        odd = [number for number, row in enumerate(data) if _odd(row, width)]
        wrong.add_each(odd, lambda number: f"row {number} {_not_so_wide(data[number], width)}")
        wrong.raise_if_any()
    return Table(list(range(width)), len(data), lambda n: list(map(itemgetter(n), data)))


def _odd(row: Any, width: int) -> bool:
    return not isinstance(row, list) or len(row) != width


def _not_so_wide(row: Any, width: int) -> str:
    if not isinstance(row, list):
        return f"is not a list of {width} values: {shown(row)}"
    return f"has {len(row)} values for {width} columns"


def by_column(given: dict[str, Any]) -> Table:
    """``inputs`` as an object: the values of each column, or one row. Raises InputRefused."""
    if not given:
        raise refused("there are no columns")
    lists = [isinstance(column, list) for column in given.values()]
    if not any(lists):
        return records([given])
    lengths = {name: len(column) for name, column in given.items() if isinstance(column, list)}
    count = max(lengths.values())
    if not all(lists) or set(lengths.values()) != {count}:
        told = ", ".join(f"{name}: {lengths.get(name, 'no list')}" for name in list(given)[:MAX_ERRORS])
        raise refused(f"the columns differ in length ({told})")
    if not count:
        raise refused("there are no rows")
    columns = list(given.values())
    return Table(list(given), count, columns.__getitem__)
