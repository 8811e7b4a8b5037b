"""Classes and values that results hold."""

import dataclasses
import datetime
import enum
import warnings
from collections import namedtuple
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from pydantic import BaseModel, computed_field


class Size(enum.IntEnum):
    SMALL = 1


class Colour(str, enum.Enum):  # noqa: UP042  # str() of a StrEnum is its text, of this one it is not
    RED = "red"


class Label(BaseModel):
    name: str
    due: datetime.date | None = None
    scores: Any = None

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def known(self) -> bool:
        return self.name != ""


@dataclasses.dataclass
class Detection:
    box: Any
    label: Label


class Hidden(enum.Enum):
    VALUE = 1


class Quantity(np.ndarray[Any, Any]):
    """What a library of units makes of an array."""


class Unreadable(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("secret")


Pair = namedtuple("Pair", ["left", "right"])


NOON = datetime.datetime(2024, 7, 2, 12, 0, 0, 5)


ROME = ZoneInfo("Europe/Rome")


def objects(*values: Any) -> Any:
    """An object array: numpy would take apart what is a list or an array itself."""
    together = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        together[position] = value
    return together


def strict(value: Any) -> bytes:
    """Tells 1, 1.0 and true apart; refuses whatever is not plain."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)


def deprecated(make: Callable[[], Any]) -> Any:
    """A value that numpy 2.5 warns of while it is made; models may still return it."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return make()
