"""Reads the Atom entry of a request without trusting it: no declarations, bounded depth."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from servicebus_broker.administration.atom import ATOM, SERVICE_BUS
from servicebus_broker.administration.errors import BadRequestError

MAX_DEPTH = 16
_KIND_DEPTH = 3  # entry, content, QueueDescription
_SEPARATOR = " "
_ENTRY, _CONTENT = (f"{ATOM}{_SEPARATOR}{name}" for name in ("entry", "content"))


@dataclass
class Description:
    """The description in an entry: the kind of entity, its properties as text, and which properties have child
    elements.
    """

    kind: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)


def read_description(body: bytes) -> Description:
    """The description in an entry. Raises BadRequestError."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    # Without declarations there are no entities to expand and nothing outside the document to read.
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BadRequestError(f"The body is not well-formed XML: {error}.") from error
    if not reader.description.kind:
        raise BadRequestError("The body is not an Atom entry whose content describes an entity.")
    return reader.description


class _Reader:
    """Reads the one description in the content of an entry; other children of the entry have no meaning here."""

    def __init__(self) -> None:
        self.description = Description()
        self._path: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        depth = len(self._path)
        if depth > MAX_DEPTH:
            raise BadRequestError(f"The body is nested deeper than {MAX_DEPTH} elements.")
        if self._path[0] != _ENTRY:
            raise self._unexpected(name)
        if not self._is_in_content:
            return
        if depth == _KIND_DEPTH:
            if self.description.kind or not name.startswith(SERVICE_BUS + _SEPARATOR):
                raise self._unexpected(name)
            self.description.kind = _local(name)
        elif depth == _KIND_DEPTH + 1:
            self.description.properties[_local(name)] = ""
        elif depth > _KIND_DEPTH:
            self.description.nested.add(_local(self._path[_KIND_DEPTH]))

    def end(self, name: str) -> None:
        self._path.pop()

    def text(self, text: str) -> None:
        if len(self._path) == _KIND_DEPTH + 1 and self._is_in_content:
            self.description.properties[_local(self._path[-1])] += text

    def doctype(self, *declaration: object) -> None:
        raise BadRequestError("The body declares a document type.")

    @property
    def _is_in_content(self) -> bool:
        return len(self._path) > 1 and self._path[1] == _CONTENT

    def _unexpected(self, name: str) -> BadRequestError:
        return BadRequestError(f"The element '{_local(name)}' is not expected there.")


def _local(name: str) -> str:
    return name.rpartition(_SEPARATOR)[2]
