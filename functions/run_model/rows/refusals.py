"""The refusal of rows: every offending place up to a limit, and how many there are in all."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from functions.errors import FieldError, InputRefused

T = TypeVar("T")
MAX_ERRORS = 20
FIELD = "predictionParameters"
MAX_SHOWN = 60
"""Characters of a client's value that a message repeats."""


class WrongValue(ValueError):
    """A value that its type does not take; the text says why."""


class Refusals:
    """Collects what is wrong with the rows, so that a client reads all of it at once."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []
        self._total = 0

    def add(self, message: str) -> None:
        self._total += 1
        if len(self._errors) < MAX_ERRORS:
            self._errors.append(FieldError(field=FIELD, message=message))

    def add_each(self, wrong: Sequence[T], sentence: Callable[[T], str]) -> None:
        """Sentences are made only of those that an answer shows."""
        room = MAX_ERRORS - len(self._errors)
        self._errors += [FieldError(field=FIELD, message=sentence(each)) for each in wrong[:room]]
        self._total += len(wrong)

    def raise_if_any(self) -> None:
        """Raises InputRefused."""
        if self._total:
            raise InputRefused(self._detail(), self._errors)

    def _detail(self) -> str:
        if self._total == 1:
            return f"The rows do not fit the model: {self._errors[0].message}."
        first = f", the first {MAX_ERRORS} of them" if self._total > MAX_ERRORS else ""
        return f"The rows do not fit the model in {self._total} places; see errors{first}."


def refused(message: str) -> InputRefused:
    """The refusal for one reason."""
    return InputRefused(f"The rows do not fit the model: {message}.", [FieldError(field=FIELD, message=message)])


def shown(value: Any) -> str:
    """A JSON value as a message names it: short, and a list or an object by its kind alone."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return short(json.dumps(value, ensure_ascii=False, default=repr))


def short(text: str) -> str:
    """The beginning, as text that JSON can carry: half of a surrogate pair cannot be encoded."""
    text = text[: MAX_SHOWN + 1].encode(errors="backslashreplace").decode()
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
