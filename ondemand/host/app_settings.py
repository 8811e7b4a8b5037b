"""Application settings: ``local.settings.json``, and the binding expressions that name them."""

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ondemand.host.errors import HostError

_EXPRESSION = re.compile(r"%([^%]+)%")


def load_local_settings(script_root: Path, environ: MutableMapping[str, str]) -> None:
    """Put ``Values`` of ``local.settings.json`` into *environ*; as with ``func start``, what is set there wins."""
    for name, value in _read(script_root).get("Values", {}).items():
        environ.setdefault(name, str(value))


@dataclass(frozen=True)
class Cors:
    """The sites whose pages may ask the functions; ``*`` is every site."""

    origins: tuple[str, ...] = ()
    credentials: bool = False


NO_CORS = Cors()


def local_cors(script_root: Path) -> Cors:
    """``Host.CORS`` (with commas) and ``Host.CORSCredentials`` of ``local.settings.json``. Raises HostError."""
    host = _read(script_root).get("Host", {})
    origins = (origin.strip().rstrip("/").lower() for origin in str(host.get("CORS") or "").split(","))
    cors = Cors(tuple(filter(None, origins)), bool(host.get("CORSCredentials")))
    if cors.credentials and "*" in cors.origins:
        raise HostError("local.settings.json: Host.CORSCredentials is not for every site: name those of Host.CORS")
    return cors


def _read(script_root: Path) -> dict[str, Any]:
    path = script_root / "local.settings.json"
    if not path.exists():
        return {}
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HostError(f"{path}: {error}") from error
    if settings.get("IsEncrypted"):
        raise HostError(f"{path}: IsEncrypted settings can only be read by the Azure Functions Core Tools")
    return settings


def resolve_expressions(text: str, environ: Mapping[str, str]) -> str:
    """Replace each ``%NAME%`` in *text* by the application setting of that name; raise HostError if it is not set."""

    def setting(match: re.Match[str]) -> str:
        try:
            return environ[match[1]]
        except KeyError:
            raise HostError(f"the application setting {match[1]!r}, used in {text!r}, is not set") from None

    return _EXPRESSION.sub(setting, text)
