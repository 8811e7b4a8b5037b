"""The addresses of Service Bus nodes."""

import re
from dataclasses import dataclass

_SCHEME_AND_HOST = re.compile(r"[a-z]+://[^/]*(?:/|$)", re.IGNORECASE)
_DEAD_LETTERS = "/$deadletterqueue"
_MANAGEMENT = "/$management"
_CBS = "$cbs"


@dataclass(frozen=True, slots=True)
class Address:
    """A node: the token service (no ``entity``), an entity, its dead-letter queue, or the management of either."""

    entity: str
    dead_letters: bool = False
    management: bool = False

    @property
    def is_cbs(self) -> bool:
        return not self.entity


def parse_address(text: str) -> Address:
    """Names are not case-sensitive; azure-servicebus writes some addresses with scheme and host, some without."""
    path = _without_host(text)
    if path.lower() == _CBS:
        return Address("")
    path, management = _without_suffix(path, _MANAGEMENT)
    path, dead_letters = _without_suffix(path, _DEAD_LETTERS)
    return Address(path, dead_letters, management)


def path_of(address: str) -> str:
    """The path of an entity as it is compared: in lower case, without scheme and host."""
    return _without_host(address).lower()


def _without_host(text: str) -> str:
    return _SCHEME_AND_HOST.sub("", text, count=1).strip("/")


def _without_suffix(path: str, suffix: str) -> tuple[str, bool]:
    if path.lower().endswith(suffix):
        return path[: -len(suffix)], True
    return path, False
