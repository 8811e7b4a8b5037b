"""The body of a request, from bytes to JSON values."""

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from functions.errors import (
    LengthRequired,
    MalformedRequest,
    RequestTooLarge,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
    cut,
)
from functions.predict.header_grammar import BLANKS, TCHARS, WORD, text_of

_OTHER_LANGUAGE = re.compile(r"[+]?(NaN|Infinity|inf|None|null|undefined|true|false)\b", re.IGNORECASE)
"""Words of JavaScript and Python, and JSON's own in another case."""
_INSTEAD = {
    "nan": "null",
    "none": "null",
    "null": "null",
    "undefined": "null",
    "infinity": "null or a number",
    "inf": "null or a number",
    "true": "true",
    "false": "false",
}


_PARAMETER = re.compile(rf"({TCHARS})=({WORD})")
_MEDIA_TYPE = re.compile(
    rf"{BLANKS}(?P<type>{TCHARS}/{TCHARS})(?P<parameters>(?:{BLANKS};{BLANKS}(?:{TCHARS}={WORD})?+)*+){BLANKS}"
)
_CHARSETS = {"utf-8", "utf8", "us-ascii"}
"""UTF-8 and what is the same in it."""
MAX_CONTAINERS = 1_000_000
"""Lists and objects in a body: each takes up to 230 bytes of memory for two bytes that are sent."""


def received_body(headers: Mapping[str, str], body: bytes) -> bytes:
    """The body that the host gave. Raises LengthRequired for one that was sent in chunks.

    The Functions host copies a body only if it has a Content-Length (azure-functions-host#4926).
    """
    if not body and headers.get("transfer-encoding"):
        raise LengthRequired("Send the body with Content-Length, not in chunks: this server gets no chunked bodies.")
    return body


def json_object(
    content_type: str | None, body: bytes, max_bytes: int, content_encoding: str | None = None
) -> dict[str, Any]:
    """The JSON object that the body is; a byte order mark before it is skipped.

    Raises RequestTooLarge (before parsing), UnsupportedMediaType, UnsupportedContentEncoding or MalformedRequest.
    """
    if len(body) > max_bytes:
        raise RequestTooLarge(f"The body has {len(body)} bytes; {max_bytes} are allowed. Send the rows in parts.")
    if content_type and content_type != "application/json":
        _check_media_type(content_type)
    if content_encoding and content_encoding.strip().lower() != "identity":
        raise UnsupportedContentEncoding(f"Send the body as it is, without Content-Encoding {cut(content_encoding)!r}.")
    _check_number_of_containers(body)
    try:
        document = orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not valid JSON: {_reason(error, body)}") from error
    if not isinstance(document, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return document


def _check_number_of_containers(body: bytes) -> None:
    """Raises RequestTooLarge. Brackets in strings count: telling them apart would cost more than parsing."""
    if len(body) <= 2 * MAX_CONTAINERS:  # each has two brackets
        return
    number = body.count(b"[") + body.count(b"{")
    if number > MAX_CONTAINERS:
        raise RequestTooLarge(
            f"The body has {number} opening brackets; {MAX_CONTAINERS} are allowed. Send the rows in parts."
        )


def _check_media_type(content_type: str) -> None:
    """JSON, whatever its parameters are but another charset. Raises UnsupportedMediaType."""
    found = _MEDIA_TYPE.fullmatch(content_type)
    media_type = "" if found is None else found["type"].lower()
    if found is None or (media_type != "application/json" and not media_type.endswith("+json")):
        raise UnsupportedMediaType(f"Send the body as application/json, not {cut(content_type)!r}.")
    for name, value in _PARAMETER.findall(found["parameters"]):
        if name.lower() == "charset" and text_of(value).lower() not in _CHARSETS:
            raise UnsupportedMediaType(f"Send the body in UTF-8, not in {cut(text_of(value))!r}.")


def _reason(error: orjson.JSONDecodeError, body: bytes) -> str:
    """What the parser says, or what to send instead of another encoding or of a word that only other languages know."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        return f"it looks like {encoding.upper()}: send UTF-8"
    word = _OTHER_LANGUAGE.match(error.doc, error.pos)
    if word is None or word[0] in ("true", "false"):
        return str(error)
    sign = "-" if error.doc[: error.pos].endswith("-") else ""  # the parser stops behind a minus
    instead = _INSTEAD[word[1].lower()]
    return f"{sign}{word[0]} is not JSON: send {instead} (line {error.lineno} column {error.colno})"
