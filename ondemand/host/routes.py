"""Route templates of HTTP triggers: ``predict/{runId}``, ``items/{id:int}``, ``files/{*path}``, ``list/{page?}``.

Like ASP.NET's, they match a decoded path (`paths`) without regard to case, and a literal segment wins over a parameter.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ondemand.host.errors import HostError

_CONSTRAINTS = {
    None: r"[^/]+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "alpha": r"[A-Za-z]+",
    "bool": r"true|false",
    "guid": r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}",
}
_PARAMETER = re.compile(r"\{(?P<rest>\*)?(?P<name>\w+)(?::(?P<constraint>[^}?]+))?(?P<optional>\?)?\}")

Target = TypeVar("Target")


@dataclass(frozen=True)
class RouteTemplate:
    """A compiled template; build it with ``parse``."""

    text: str
    _pattern: re.Pattern[str]
    precedence: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "RouteTemplate":
        """Compile *text*; raise HostError for a segment or constraint that is not supported."""
        segments = [segment for segment in text.split("/") if segment]
        compiled = [_segment(text, segment) for segment in segments]
        pattern = "".join(regex for regex, _ in compiled) + "/*"
        return cls(text, re.compile(pattern, re.IGNORECASE | re.DOTALL), tuple(rank for _, rank in compiled))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route parameters if the decoded *path* matches, else None."""
        match = self._pattern.fullmatch(path)
        if match is None:
            return None
        return {name: value for name, value in match.groupdict().items() if value}


def _segment(template: str, segment: str) -> tuple[str, int]:
    if "{" not in segment:
        return "/" + re.escape(segment), 0
    match = _PARAMETER.fullmatch(segment)
    if match is None or match["constraint"] not in _CONSTRAINTS:
        raise HostError(f"route {template!r}: {segment!r} is not supported by the local host")
    if match["rest"]:
        return f"(?:/(?P<{match['name']}>.*))?", 3
    regex = f"/(?P<{match['name']}>{_CONSTRAINTS[match['constraint']]})"
    return (f"(?:{regex})?" if match["optional"] else regex), 1 if match["constraint"] else 2


class RouteTable(Generic[Target]):
    """Finds the target of a method and path."""

    def __init__(self, routes: Iterable[tuple[RouteTemplate, tuple[str, ...], Target]]) -> None:
        self._routes = sorted(routes, key=lambda route: route[0].precedence)

    def find(self, method: str, path: str) -> tuple[Target, dict[str, str]] | None:
        """Return the target and its route parameters, or None; like the official host, a wrong method is no match."""
        for template, methods, target in self._routes:
            if methods and method not in methods:
                continue
            parameters = template.match(path)
            if parameters is not None:
                return target, parameters
        return None
