"""Paths of requests as ASP.NET hands them to routing and to functions.

Kestrel decodes a path but for ``%2F``, so a segment never gains a slash, and removes dot segments. A function gets the
path encoded again, with the same signs left as they are whatever the client had escaped.
"""

import re
from urllib.parse import quote, unquote_to_bytes

_ESCAPES = re.compile(r"(?:%(?!2[Ff])[0-9A-Fa-f]{2})+")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNESCAPED = "!$&'()*+,/:;=@~"
_PLAIN = re.compile(r"[!$&'()*+,\-./0-9:;=@A-Z_a-z~]*")


class BadPath(ValueError):
    """A path with an escaped NUL, which Kestrel answers with 400."""


def decoded(raw_path: str) -> str:
    """The path that routes are matched with. Raises BadPath."""
    path = _ESCAPES.sub(_text, raw_path) if "%" in raw_path else raw_path
    return _without_dot_segments(path) if "/." in path else path


def encoded(path: str) -> str:
    """A decoded path as it stands in the URL that a function gets."""
    return path if _PLAIN.fullmatch(path) else quote(_LONE_PERCENT.sub("%25", path), safe=_UNESCAPED + "%")


def _text(escapes: re.Match[str]) -> str:
    """What the escapes stand for; they stay as they are where that is no UTF-8."""
    content = unquote_to_bytes(escapes[0])
    if 0 in content:
        raise BadPath("the path has an escaped NUL")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return escapes[0]


def _without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and segments[-1] in (".", "..") else "")
