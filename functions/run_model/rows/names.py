"""Which given column is which column of the model. Pure."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from functions.run_model.rows.refusals import MAX_ERRORS, Refusals, refused, short, shown
from functions.run_model.rows.tables import Table

UnknownColumns = Literal["name", "refuse"]


@dataclass(frozen=True)
class Matched:
    """``positions`` of the model's columns in the table (optional ones may be missing); ``ignored`` are the others."""

    positions: dict[Any, int]
    ignored: tuple[str, ...]


class ColumnNames:
    """The model's columns, in its order, and whether each is required.

    Names are compared as text, as JSON has no other keys; where two of the model's names are equal as text, exactly.
    """

    def __init__(self, required: Mapping[Any, bool], unknown: UnknownColumns) -> None:
        self._required = dict(required)
        self._unknown = unknown
        self._exact = len(set(map(str, self._required))) < len(self._required)

    @property
    def as_text(self) -> frozenset[str]:
        return frozenset(map(str, self._required))

    def match(self, table: Table) -> Matched:
        """Raises InputRefused for names given twice, required ones missing and, by setting, unknown ones."""
        given = self._positions(table.names)
        positions = {name: given[self._key(name)] for name in self._required if self._key(name) in given}
        known = set(positions.values())
        ignored = tuple(short(str(name)) for place, name in enumerate(table.names) if place not in known)
        wrong = Refusals()
        missing = [name for name, required in self._required.items() if required and name not in positions]
        wrong.add_each(missing, lambda name: f"the column {name!r} is missing")
        if self._unknown == "refuse":
            wrong.add_each(ignored, lambda name: f"the model has no column {short(repr(name))}")
        wrong.raise_if_any()
        if not positions:
            raise refused(f"none of the model's columns is there: {_listed(list(map(str, self._required)))}")
        return Matched(positions, ignored[:MAX_ERRORS])

    def _key(self, name: Any) -> Hashable:
        return (type(name), name) if self._exact else str(name)

    def _positions(self, names: Sequence[Any]) -> dict[Hashable, int]:
        check_names(names)
        keys = [self._key(name) for name in names]
        positions = {key: place for place, key in enumerate(keys)}
        if len(positions) < len(keys):
            twice = next(name for place, name in enumerate(names) if positions[keys[place]] != place)
            raise refused(f"the column {short(repr(twice))} is given twice")
        return positions


def check_names(names: Sequence[Any]) -> None:
    """Raises InputRefused for names that are neither text nor whole numbers."""
    for name in names:
        if type(name) is not str and type(name) is not int:
            raise refused(f"column names are text or whole numbers, not {shown(name)}")


def check_distinct(names: Sequence[Any]) -> None:
    """Raises InputRefused for such names too, and for one that is given twice."""
    check_names(names)
    seen: set[str] = set()
    for name in map(str, names):
        if name in seen:
            raise refused(f"the column {short(repr(name))} is given twice")
        seen.add(name)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_ERRORS} more" if len(names) > MAX_ERRORS else ""
    return ", ".join(names[:MAX_ERRORS]) + more
