"""Application settings: ``local.settings.json``, and the binding expressions that name them."""

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from ondemand.host.errors import HostError

_EXPRESSION = re.compile(r"%([^%]+)%")


def load_local_settings(script_root: Path, environ: MutableMapping[str, str]) -> None:
    """Put ``Values`` of ``local.settings.json`` into *environ*; as with ``func start``, what is set there wins."""
    path = script_root / "local.settings.json"
    if not path.exists():
        return
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HostError(f"{path}: {error}") from error
    if settings.get("IsEncrypted"):
        raise HostError(f"{path}: IsEncrypted settings can only be read by the Azure Functions Core Tools")
    for name, value in settings.get("Values", {}).items():
        environ.setdefault(name, str(value))


def resolve_expressions(text: str, environ: Mapping[str, str]) -> str:
    """Replace each ``%NAME%`` in *text* by the application setting of that name; raise HostError if it is not set."""

    def setting(match: re.Match[str]) -> str:
        try:
            return environ[match[1]]
        except KeyError:
            raise HostError(f"the application setting {match[1]!r}, used in {text!r}, is not set") from None

    return _EXPRESSION.sub(setting, text)
