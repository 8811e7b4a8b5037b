"""``host.json``, with the ``AzureFunctionsJobHost__*`` environment variables laid over it as the official host does."""

import json
import logging
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from ondemand.host.errors import HostError

OVERRIDE_PREFIX = "azurefunctionsjobhost__"
LOG_LEVELS = {
    "Trace": logging.DEBUG,
    "Debug": logging.DEBUG,
    "Information": logging.INFO,
    "Warning": logging.WARNING,
    "Error": logging.ERROR,
    "Critical": logging.CRITICAL,
    "None": logging.CRITICAL + 1,
}


def _unlimited_as_none(value: object) -> object:
    return None if value in (-1, "-1") else value


def _indexed(value: object) -> object:
    """Read ``{"0": "a", "1": "b"}``, the form environment variables give an array, as ``["a", "b"]``."""
    if isinstance(value, Mapping):
        return [value[key] for key in sorted(value, key=int)]
    return value


def _days_as_pydantic(value: object) -> object:
    """``1.00:00:00``, a day as .NET writes it."""
    return re.sub(r"^(\d+)\.(?=\d+:)", r"\1d,", value) if isinstance(value, str) else value


Time = Annotated[timedelta, BeforeValidator(_days_as_pydantic)]
Limit = Annotated[int | None, BeforeValidator(_unlimited_as_none)]


class _Options(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class HttpOptions(_Options):
    """``extensions.http``; a limit of -1 is none."""

    route_prefix: str = "api"
    max_outstanding_requests: Limit = None
    max_concurrent_requests: Limit = None


class ServiceBusOptions(_Options):
    """``extensions.serviceBus``, with the defaults of extension 5.x."""

    prefetch_count: int = 0
    auto_complete_messages: bool = True
    max_auto_lock_renewal_duration: Time = timedelta(minutes=5)
    max_concurrent_calls: int = 16 * (os.cpu_count() or 1)
    max_concurrent_sessions: int = 8
    session_idle_timeout: Time = timedelta(minutes=1)


class _Extensions(_Options):
    http: HttpOptions = HttpOptions()
    service_bus: ServiceBusOptions = ServiceBusOptions()


class _Logging(_Options):
    log_level: dict[str, str] = {}


class HostOptions(_Options):
    """The parts of ``host.json`` that this host honours; others are ignored."""

    function_timeout: Annotated[Time | None, BeforeValidator(_unlimited_as_none)] = timedelta(minutes=30)
    functions: Annotated[tuple[str, ...] | None, BeforeValidator(_indexed)] = None
    extensions: _Extensions = _Extensions()
    logging: _Logging = _Logging()

    @property
    def log_level(self) -> int:
        """The level of ``logging.logLevel.default``, as a number of the ``logging`` module."""
        return LOG_LEVELS.get(self.logging.log_level.get("default", "Information"), logging.INFO)

    def starts(self, function_name: str) -> bool:
        """Whether this process runs the function; all are indexed, ``functions`` narrows what is started."""
        return self.functions is None or function_name in self.functions


def read_host_options(script_root: Path, environ: Mapping[str, str]) -> HostOptions:
    """Read ``host.json`` of *script_root*; raise HostError with the file and the reason if it is missing or wrong."""
    path = script_root / "host.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return HostOptions.model_validate(overlay(document, environ))
    except (OSError, ValueError, ValidationError) as error:
        raise HostError(f"{path}: {error}") from error


def overlay(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Lay ``AzureFunctionsJobHost__a__b=value`` over ``{"a": {"b": ...}}``; names are compared without case."""
    for name, value in sorted(environ.items()):
        if name.lower().startswith(OVERRIDE_PREFIX):
            _put(document, name[len(OVERRIDE_PREFIX) :].split("__"), value)
    return document


def _put(section: dict[str, Any], path: list[str], value: str) -> None:
    key = next((known for known in section if known.lower() == path[0].lower()), path[0])
    if len(path) == 1:
        section[key] = value
        return
    inner = section.get(key)
    if isinstance(inner, list):
        inner = {str(index): item for index, item in enumerate(inner)}
    section[key] = inner if isinstance(inner, dict) else {}
    _put(section[key], path[1:], value)
