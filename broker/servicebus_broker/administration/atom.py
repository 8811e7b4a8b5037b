"""Atom documents as Service Bus writes them: entries, feeds, and the prefixes that some clients look for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

ATOM = "http://www.w3.org/2005/Atom"
SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
COUNTS = "http://schemas.microsoft.com/netservices/2011/06/servicebus"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
NAMESPACE = "local"
"""What this broker calls itself where Azure has the name of a namespace."""

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Entry:
    """One entity. Times are seconds since the Unix epoch; ``content`` is encoded XML."""

    title: str
    url: str
    published: float
    updated: float
    content: str


def element(name: str, content: str, attributes: Mapping[str, str] | None = None) -> str:
    """An element around XML; names are not escaped, attributes are."""
    written = "".join(f" {key}={quoteattr(_characters(value))}" for key, value in (attributes or {}).items())
    return f"<{name}{written}>{content}</{name}>"


def leaf(name: str, text: str) -> str:
    """An element around text."""
    return element(name, escape(_characters(text)))


def timestamp(seconds: float) -> str:
    """A time in the format of the API."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_document(entry: Entry) -> str:
    """A document with one entry."""
    return _entry(entry, {"xmlns": ATOM})


def feed_document(title: str, url: str, now: float, entries: Iterable[Entry] = (), next_page: str | None = None) -> str:
    """A page of entries. The link to the next page is the second one; clients rely on the order."""
    links = [_link("self", url)] + ([_link("next", next_page)] if next_page else [])
    return element(
        "feed",
        _text_title(title)
        + leaf("id", url)
        + leaf("updated", timestamp(now))
        + "".join(links)
        + "".join(_entry(entry, {}) for entry in entries),
        {"xmlns": ATOM},
    )


def _entry(entry: Entry, attributes: Mapping[str, str]) -> str:
    return element(
        "entry",
        leaf("id", entry.url)
        + _text_title(entry.title)
        + leaf("published", timestamp(entry.published))
        + leaf("updated", timestamp(entry.updated))
        + element("author", leaf("name", NAMESPACE))
        + _link("self", entry.url)
        + element("content", entry.content, {"type": "application/xml"}),
        attributes,
    )


def _text_title(title: str) -> str:
    return element("title", escape(_characters(title)), {"type": "text"})


def _link(relation: str, url: str) -> str:
    return element("link", "", {"rel": relation, "href": url})


def _characters(text: str) -> str:
    # Much of the text comes from a client: the path of a request may contain any character.
    return _NOT_IN_XML.sub(_REPLACEMENT, text)
