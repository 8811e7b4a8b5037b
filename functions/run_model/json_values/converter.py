"""The walk over a result: which function makes JSON of which type, how deep it goes, and where it stopped."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson

from functions.run_model.json_values.scalars import plain_list

MAX_DEPTH = 32
"""Lists and objects inside each other. The parsers of clients and the encoders here stop between 100 and 255."""
MAX_CELLS = 10_000_000
"""A sparse matrix of more cells is refused: written out it would fill the memory."""
MAX_NAME = 200
MAX_WHERE = 100

Handler = Callable[[Any, int, "Converter"], Any]


class NoJson(Exception):
    """A value that has no JSON form: the public name of its type, why, and where in the result it is."""

    def __init__(self, type_name: str, why: str = "has no JSON form") -> None:
        self.type_name = type_name
        self.why = why
        self.steps: list[str | int] = []
        """The way from the result to the value, filled in from the end: positions in lists, keys of objects."""

    @property
    def where(self) -> str:
        """``[3].due``, at most about 100 characters; empty for the result itself."""
        text = "".join(map(_step_text, self.steps))
        return text if len(text) <= MAX_WHERE else f"{text[:MAX_WHERE]}..."

    def __str__(self) -> str:
        place = f" (at {self.where})" if self.steps else ""
        return f"{self.type_name} {self.why}{place}"


class TooLong(Exception):
    """The JSON of a result would be longer than it may be."""


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isascii() and step.isidentifier() else f"[{short_json(step)}]"


def short_json(text: str) -> str:
    """The text in quotes, its beginning only, and ASCII: it stands in messages."""
    return json.dumps(text if len(text) <= 50 else f"{text[:50]}...")


def type_name(value: Any) -> str:
    """``pandas.Interval``: as users write it, not where the class happens to be defined."""
    kind = type(value)
    module, name = str(kind.__module__), str(kind.__qualname__)
    public = next((each for each in accumulate(module.split("."), "{}.{}".format) if _holds(each, name, kind)), module)
    full = name if public == "builtins" else f"{public}.{name}"
    return full.encode("ascii", "backslashreplace").decode()[:MAX_NAME]


def _holds(module: str, name: str, kind: type) -> bool:
    return getattr(sys.modules.get(module), name, None) is kind


class Converter:
    """Makes JSON of one result, by the type of each value or its nearest base in `kinds`; else by `fallback`."""

    def __init__(self, kinds: Mapping[type, Handler], fallback: Handler, max_bytes: int) -> None:
        self._kinds = kinds
        self._fallback = fallback
        self._left = max_bytes

    def spend(self, least: int) -> None:
        """Count so many bytes of JSON, or values of two bytes and more, before they are made. Raises TooLong."""
        self._left -= least
        if self._left < 0:
            raise TooLong

    def value(self, value: Any, depth: int = 0) -> Any:
        """Raises NoJson."""
        kind = type(value)
        handler = self._kinds.get(kind)
        if handler is None:
            handler = next((self._kinds[base] for base in kind.__mro__ if base in self._kinds), self._fallback)
        return handler(value, depth, self)

    def array(self, values: Sequence[Any], depth: int) -> list[Any]:
        """The values in order. Raises NoJson."""
        check_depth(values, depth)
        self.spend(2 * len(values))
        plain = plain_list(values)
        if plain is not None:
            if isinstance(plain[0], str):  # texts, or floats of which the first is not finite
                self.spend(sum(len(each) for each in plain if isinstance(each, str)))
            return plain
        converted: list[Any] = []
        try:
            for value in values:
                converted.append(self.value(value, depth + 1))  # noqa: PERF401  # its length says where it stopped
        except NoJson as error:
            error.steps.insert(0, len(converted))
            raise
        return converted

    def object(self, fields: Iterable[tuple[Any, Any]], owner: Any, depth: int) -> dict[str, Any]:
        """The fields of `owner` by name. Raises NoJson, also for two names of the same text."""
        check_depth(owner, depth)
        converted: dict[str, Any] = {}
        for name, value in fields:
            key = self.key(name, depth)
            self.spend(len(key) + 5)
            if key in converted:
                raise NoJson(type_name(owner), f"has two keys {short_json(key)}")
            try:
                converted[key] = self.value(value, depth + 1)
            except NoJson as error:
                error.steps.insert(0, key)
                raise
        return converted

    def key(self, name: Any, depth: int) -> str:
        """The text of what the name's value becomes. Raises NoJson if that is null, a list or an object."""
        value = name if type(name) is str and name.isascii() else self.value(name, depth + 1)
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, list | dict):
            raise NoJson(type_name(name), "cannot be the key of a JSON object")
        return orjson.dumps(value).decode()


def check_depth(value: Any, depth: int, levels: int = 1) -> None:
    """Raises NoJson if `levels` of lists or objects do not fit below `depth`. Ends cycles, too."""
    if depth + levels > MAX_DEPTH:
        raise NoJson(type_name(value), f"is nested deeper than {MAX_DEPTH} levels")
