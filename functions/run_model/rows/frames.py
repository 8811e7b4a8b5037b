"""A table to a DataFrame, column by column as the signature's types say."""

from typing import TYPE_CHECKING, Any

from functions.run_model.rows.columns import Offenders, read_column
from functions.run_model.rows.kinds import Kind, kind_of
from functions.run_model.rows.nested import Reader, nested_reader
from functions.run_model.rows.refusals import Refusals, WrongValue, short
from functions.run_model.rows.tables import Table
from functions.run_model.rows.untyped import untyped_column

if TYPE_CHECKING:
    from pandas import DataFrame


class Column:
    """One column of a signature: reads its values, or says what is wrong with which row."""

    def __init__(self, name: Any, spec: Any, required: bool) -> None:
        from mlflow.types import DataType
        from mlflow.types.schema import AnyType, Array, Map, Object

        self.name = name
        self.required = required
        self._kind: Kind | None = kind_of(spec) if isinstance(spec, DataType) else None
        self._reader: Reader = nested_reader(spec, required)
        self._any = isinstance(spec, AnyType)
        self.is_whole_row = isinstance(spec, Array | Object)
        self.takes_objects = isinstance(spec, Object | Map)

    @property
    def is_flat(self) -> bool:
        return self._kind is not None

    def read(self, table: Table, place: int, wrong: Refusals) -> Any:
        """The column as pandas takes it. Mistakes are added to *wrong*."""
        if lacks(table, place, wrong, optional=not self.required):
            return None
        found, offenders = self._read(table.column(place))
        wrong.add_each(offenders, lambda each: f"row {each[0]}, column {short(str(self.name))}: {each[1]}")
        return found

    def _read(self, given: list[Any]) -> tuple[Any, Offenders]:
        if self._any:
            return untyped_column(given, mixed=True)
        if self._kind is None:
            return _nested(given, self._reader)
        array, offenders = read_column(given, self._kind, self.required)
        return (array, offenders) if array is None else (as_pandas(array, self._kind), offenders)


def as_pandas(array: Any, kind: Kind) -> Any:
    """Text is pandas' own type, as pandas itself makes it of text; NaN stands for null there."""
    import pandas as pd

    if kind.dtype == "str":
        return pd.array(array, dtype="str")
    return pd.Series(array, dtype="object") if kind.dtype == "object" else array


def lacks(table: Table, place: int, wrong: Refusals, optional: bool = False) -> bool:
    """Whether rows have no such column while others have. Those rows are added to *wrong*."""
    advice = ": send null for a missing value" if optional else ""
    name = short(repr(table.names[place]))
    lacking = table.lacking(place)
    wrong.add_each(lacking, lambda row: f"row {row} lacks {name}, which others have{advice}")
    return bool(lacking)


def complete(table: Table) -> Table:
    """The table. Raises InputRefused if its rows have different columns."""
    wrong = Refusals()
    for place in range(len(table.names)):
        lacks(table, place, wrong)
    wrong.raise_if_any()
    return table


def _nested(given: list[Any], reader: Reader) -> tuple[Any, Offenders]:
    import pandas as pd

    found: list[Any] = []
    offenders: Offenders = []
    for row, value in enumerate(given):
        try:
            found.append(reader(value))
        except WrongValue as error:
            offenders.append((row, str(error)))
    return pd.Series(found, dtype="object"), offenders


def frame(columns: dict[Any, Any], index: list[Any] | None) -> "DataFrame":
    """The columns in their order; with the index, if there is one."""
    import pandas as pd

    made = pd.DataFrame(columns)
    if index is not None:
        made.index = pd.Index(index)
    return made
