"""Rows for a model without a signature: by the columns it was fitted with, or as they are sent."""

from collections.abc import Sequence
from typing import Any

from functions.run_model.rows.bounds import check_table
from functions.run_model.rows.columns import Offenders
from functions.run_model.rows.frames import complete, frame, lacks
from functions.run_model.rows.names import ColumnNames, UnknownColumns, check_distinct
from functions.run_model.rows.refusals import Refusals, refused, short
from functions.run_model.rows.tables import Body, Table, matrix, named_table, records, split
from functions.run_model.rows.tensors import untyped_tensor
from functions.run_model.rows.typed import Found
from functions.run_model.rows.untyped import untyped_column


class FittedColumns:
    """Exactly the columns that the model was fitted with, in that order."""

    exact = False

    def __init__(self, columns: Sequence[str], unknown: UnknownColumns) -> None:
        self._columns = list(columns)
        self._names = ColumnNames(dict.fromkeys(columns, True), unknown)
        self.known = self._names.as_text

    def read(self, body: Body) -> Found:
        """Raises InputRefused."""
        table = self._table(body)
        matched = self._names.match(table)
        return frame(_read(table, matched.positions), table.index), matched.ignored

    def _table(self, body: Body) -> Table:
        if (named := named_table(body)) is not None:
            return named
        table = matrix(body.payload, len(self._columns))
        return Table(self._columns, table.count, table.column)


class AnyColumns:
    """All columns as they are sent; ``inputs`` and ``instances`` as arrays, as MLflow has them."""

    known: frozenset[str] = frozenset()
    exact = False

    def read(self, body: Body) -> Found:
        """Raises InputRefused."""
        match body:
            case Body("records", rows):
                return self._frame(records(rows)), ()
            case Body("split", rows):
                return self._frame(split(rows)), ()
            case Body(_, dict() as tensors):
                return _arrays(tensors), ()
            case Body(_, list() as rows) if rows and any(isinstance(row, dict) for row in rows):
                return _arrays(_stacked(records(rows))), ()
        return _array(body.payload), ()

    def _frame(self, table: Table) -> Any:
        check_distinct(table.names)
        if not table.names:
            raise refused("there are no columns")
        return frame(_read(table, {name: place for place, name in enumerate(table.names)}), table.index)


def _read(table: Table, positions: dict[Any, int]) -> dict[Any, Any]:
    wrong = Refusals()
    found = {}
    for name, place in positions.items():
        if lacks(table, place, wrong):
            continue
        found[name], offenders = untyped_column(table.column(place))
        _note(offenders, name, wrong)
    wrong.raise_if_any()
    return found


def _note(offenders: Offenders, name: Any, wrong: Refusals) -> None:
    wrong.add_each(offenders, lambda each: f"row {each[0]}, column {short(str(name))}: {each[1]}")


def _stacked(table: Table) -> dict[str, list[Any]]:
    return {name: table.column(place) for place, name in enumerate(complete(table).names)}


def _arrays(tensors: dict[str, Any]) -> dict[str, Any]:
    if not tensors:
        raise refused("there are no columns")
    check_table(1, len(tensors))
    wrong = Refusals()
    found = {name: untyped_tensor(value, f"tensor {short(name)}, ", wrong) for name, value in tensors.items()}
    wrong.raise_if_any()
    return found


def _array(rows: list[Any]) -> Any:
    if not rows:
        raise refused("there are no rows")
    wrong = Refusals()
    found = untyped_tensor(rows, "", wrong)
    wrong.raise_if_any()
    return found
