"""One column of JSON values to an array of its kind."""

from typing import TYPE_CHECKING, Any

from functions.run_model.rows.kinds import Kind, at_once
from functions.run_model.rows.refusals import WrongValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

Offenders = list[tuple[int, str]]
"""Position in the column, and what is wrong with the value there."""


def read_column(given: list[Any], kind: Kind, required: bool) -> "tuple[NDArray[Any] | None, Offenders]":
    """The array, or None and every offender."""
    array = _at_once(given, kind, required)
    if array is not None:
        return array, []
    found, offenders = _one_by_one(given, kind, required)
    return (None, offenders) if offenders else (as_array(found, kind), [])


def _at_once(given: list[Any], kind: Kind, required: bool) -> "NDArray[Any] | None":
    array = at_once(given, kind, required)
    if array is not None and kind.dtype == "str" and not _encodable(given):
        return None
    return array


def _encodable(given: list[Any]) -> bool:
    """True if every text is Unicode; half of a surrogate pair is not."""
    try:
        "".join(filter(None, given)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _one_by_one(given: list[Any], kind: Kind, required: bool) -> tuple[list[Any], Offenders]:
    found: list[Any] = []
    offenders: Offenders = []
    for position, value in enumerate(given):
        try:
            found.append(read_value(value, kind, required))
        except WrongValue as error:
            offenders.append((position, str(error)))
    return found, offenders


def read_value(value: Any, kind: Kind, required: bool) -> Any:
    """Raises WrongValue."""
    if value is not None:
        return kind.read(value)
    if required or not kind.has_missing:
        raise WrongValue(kind.null(required))
    return kind.missing


def as_array(found: list[Any], kind: Kind) -> "NDArray[Any]":
    import numpy as np

    if kind.dtype.startswith("datetime64"):
        return np.array(found, dtype=np.int64).view(kind.dtype)
    return np.array(found, dtype="object" if kind.dtype == "str" else kind.dtype)
