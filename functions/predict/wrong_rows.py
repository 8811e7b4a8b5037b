"""The refusal of rows, and its words. Rows count from 0."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from functions.errors import MAX_LISTED, cut
from functions.settings import RowSettings

T = TypeVar("T")
_MAX_NAMES = 5
"""Columns that one sentence names."""


class WrongRows(Exception):
    """Rows that are refused: the first mistakes, and how many there are."""

    def __init__(self, *mistakes: str, total: int = 1) -> None:
        super().__init__(*mistakes)
        self.mistakes = mistakes
        self.total = total


def refuse(wrong: Sequence[T], sentence: Callable[[T], str]) -> None:
    """Raises WrongRows if anything is wrong, with a sentence on each up to a bound."""
    if wrong:
        raise WrongRows(*map(sentence, wrong[:MAX_LISTED]), total=len(wrong))


def check_number_of_rows(number: int, limits: RowSettings) -> None:
    """Raises WrongRows."""
    if not number:
        raise WrongRows("has no rows")
    if number > limits.max_rows:
        raise WrongRows(f"has {number} rows; {limits.max_rows} are allowed: send the rows in parts")


def check_number_of_columns(number: int, limits: RowSettings) -> None:
    """Raises WrongRows."""
    if not number:
        raise WrongRows("has no columns")
    if number > limits.max_columns:
        raise WrongRows(f"has {number} columns; {limits.max_columns} are allowed: send a list of values as one column")


def check_number_of_cells(number: int, limits: RowSettings) -> None:
    """Raises WrongRows."""
    if number > limits.max_cells:
        raise WrongRows(f"has {number} values; {limits.max_cells} are allowed: send the rows in parts")


def quoted(name: object) -> str:
    return f"'{cut(name)}'" if isinstance(name, str) else repr(name)


def quoted_list(names: Sequence[object]) -> str:
    shown = ", ".join(map(quoted, names[:_MAX_NAMES]))
    return shown if len(names) <= _MAX_NAMES else f"{shown} and {len(names) - _MAX_NAMES} more"


def count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
