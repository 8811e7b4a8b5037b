"""JSON as .NET's configuration files may have it, the official emulator's among them: with comments, commas before
closing brackets, and a byte order mark."""

import json
import re
from typing import Any

_STRING = r'"(?:[^"\\]|\\.)*"'
_COMMENT = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?\*/", re.DOTALL)
_LAST_COMMA = re.compile(rf"{_STRING}|,(?=\s*[}}\]])", re.DOTALL)
_NOT_SPACE = re.compile(r"\S")


def read_json(data: bytes) -> object:
    """The value of a document. Raises ValueError, also for a key that an object has twice."""
    text = data.decode(json.detect_encoding(data))
    for left_out in (_COMMENT, _LAST_COMMA):
        text = left_out.sub(_blank_unless_string, text)
    return json.loads(text, object_pairs_hook=_object)


def _blank_unless_string(match: re.Match[str]) -> str:
    """Spaces of the same extent, so that error messages name the right line and column."""
    found = match[0]
    return found if found.startswith('"') else _NOT_SPACE.sub(" ", found)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"an object has the key '{key}' twice")
    return dict(pairs)
