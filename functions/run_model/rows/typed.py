"""Rows by a signature: of named columns, of columns by position, and of tensors."""

from typing import TYPE_CHECKING, Any

from functions.run_model.rows.frames import Column, complete, frame
from functions.run_model.rows.names import ColumnNames, UnknownColumns, check_distinct
from functions.run_model.rows.refusals import MAX_ERRORS, Refusals, refused
from functions.run_model.rows.tables import Body, Table, matrix, named_table, records, split
from functions.run_model.rows.tensors import Tensor, stacked

if TYPE_CHECKING:
    from mlflow.types import Schema

Found = tuple[Any, tuple[str, ...]]
"""The input of the model, and the columns left out."""


class NamedColumns:
    """Columns by name, in the signature's order; optional ones may be missing in all rows."""

    def __init__(self, schema: "Schema", unknown: UnknownColumns) -> None:
        self._columns = [Column(name, spec.type, spec.required is not False) for name, spec in _specs(schema)]
        self._names = ColumnNames({column.name: column.required for column in self._columns}, unknown)
        self._whole_row = any(column.is_whole_row for column in self._columns)
        self.known = self._names.as_text
        self.exact = all(column.is_flat for column in self._columns)

    def read(self, body: Body) -> Found:
        """Raises InputRefused."""
        table = self._table(body)
        matched = self._names.match(table)
        wrong = Refusals()
        found = {
            column.name: column.read(table, matched.positions[column.name], wrong)
            for column in self._columns
            if column.name in matched.positions
        }
        wrong.raise_if_any()
        return frame(found, table.index), matched.ignored

    def _table(self, body: Body) -> Table:
        # To MLflow an object of inputs is one row where the signature has a list or an object in it.
        if (named := named_table(body, inputs_are_one_row=self._whole_row)) is not None:
            return named
        rows = body.payload
        if len(self._columns) == 1 and self.exact and not _has_lists(rows):
            return Table([self._columns[0].name], len(rows), lambda _: rows)
        raise refused("the model's columns have names: send objects, or dataframe_split with columns")


def _specs(schema: "Schema") -> Any:
    return {spec.name: spec for spec in schema.inputs}.items()


def _has_lists(rows: list[Any]) -> bool:
    return any(isinstance(row, list) for row in rows)


def positional_table(body: Body) -> Table:
    """The rows where columns have no names: by position. Raises InputRefused."""
    match body:
        case Body("split", rows):
            return _ordered(split(rows))
        case Body("records", rows):
            return _ordered(records(rows))
        case Body(_, list() as rows) if rows and isinstance(rows[0], dict):
            return _ordered(records(rows))
        case Body(_, list() as rows):
            return matrix(rows if not rows or _has_lists(rows) else [[value] for value in rows])
    raise refused("the model's columns have no names: send a list of rows, each a list of values")


def _ordered(table: Table) -> Table:
    """The columns by their order, or by number where they are called 0, 1 and so on."""
    check_distinct(table.names)
    complete(table)
    names = list(map(str, table.names))
    numbers = list(map(str, range(len(names))))
    if names != numbers and sorted(names) == sorted(numbers):
        places = [names.index(number) for number in numbers]
        return Table(numbers, table.count, lambda n: table.column(places[n]), table.index)
    if names != numbers and not table.in_order():
        raise refused("the model's columns have no names, and the rows have them in different orders: send lists")
    return table


class UnnamedColumns:
    """Columns by position; as many as the signature has."""

    known: frozenset[str] = frozenset()

    def __init__(self, schema: "Schema") -> None:
        self._columns = [Column(place, spec.type, True) for place, spec in enumerate(schema.inputs)]
        self.exact = all(column.is_flat for column in self._columns)

    def read(self, body: Body) -> Found:
        """Raises InputRefused."""
        table = self._table(body)
        if len(table.names) != len(self._columns):
            raise refused(f"the rows have {len(table.names)} columns, and the signature {len(self._columns)}")
        wrong = Refusals()
        found = {column.name: column.read(table, column.name, wrong) for column in self._columns}
        wrong.raise_if_any()
        return frame(found, table.index), ()

    def _table(self, body: Body) -> Table:
        """Where the only column holds objects, each row is one, as for a PythonModel that asks for such a list."""
        if len(self._columns) == 1 and self._columns[0].takes_objects:
            match body:
                case Body("records" | "instances" | "inputs", list() as rows) if rows and isinstance(rows[0], dict):
                    return Table([0], len(rows), lambda _: rows)
        return positional_table(body)


class UnnamedTensor:
    """One array."""

    known: frozenset[str] = frozenset()
    exact = False

    def __init__(self, schema: "Schema") -> None:
        spec = schema.inputs[0]
        self._tensor = Tensor(spec.type, spec.shape, None)

    def read(self, body: Body) -> Found:
        """Raises InputRefused."""
        wrong = Refusals()
        array = self._tensor.read(self._value(body), wrong)
        wrong.raise_if_any()
        return array, ()

    def _value(self, body: Body) -> Any:
        match body:
            case Body("inputs" | "instances", list() as rows) if not rows or not isinstance(rows[0], dict):
                return rows
        table = positional_table(body)
        columns = [table.column(n) for n in range(len(table.names))]
        if len(columns) == 1:
            return stacked(columns[0], self._tensor.shape)
        return [list(row) for row in zip(*columns, strict=True)]


class NamedTensors:
    """Arrays by name."""

    exact = False

    def __init__(self, schema: "Schema", unknown: UnknownColumns) -> None:
        self._tensors = {spec.name: Tensor(spec.type, spec.shape, str(spec.name)) for spec in schema.inputs}
        self._names = ColumnNames(dict.fromkeys(self._tensors, True), unknown)
        self.known = self._names.as_text

    def read(self, body: Body) -> Found:
        """Raises InputRefused."""
        table, is_column_of_cells = self._table(body)
        matched = self._names.match(table)
        wrong = Refusals()
        found = {}
        for name, tensor in self._tensors.items():
            value = table.column(matched.positions[name])
            found[name] = tensor.read(stacked(value, tensor.shape) if is_column_of_cells else value, wrong)
        wrong.raise_if_any()
        return found, matched.ignored[:MAX_ERRORS]

    def _table(self, body: Body) -> tuple[Table, bool]:
        match body:
            case Body("split", rows):
                return split(rows), True
            case Body("records", rows):
                return complete(records(rows)), True
            case Body(_, dict() as tensors):
                values = list(tensors.values())
                return Table(list(tensors), 1, values.__getitem__), False
            case Body(_, list() as rows) if not rows or any(isinstance(row, dict) for row in rows):
                return complete(records(rows)), True
            case Body("inputs", rows) if len(self._tensors) == 1:
                return Table(list(self._tensors), 1, lambda _: rows), False
        raise refused("the model's tensors have names: send inputs as an object of them")
