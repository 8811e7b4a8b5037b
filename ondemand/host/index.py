"""Indexing: import ``function_app.py`` and list its functions, as the Python worker does."""

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.functions import Function, FunctionRegister

from ondemand.host.app_settings import resolve_expressions
from ondemand.host.errors import HostError

SCRIPT_MODULE = "function_app"
DEAD_LETTER_SUFFIX = "/$deadletterqueue"


@dataclass(frozen=True)
class HttpTrigger:
    """``route`` without the prefix; no ``methods`` means every method. Probes use ``anonymous`` functions."""

    route: str
    methods: tuple[str, ...]
    anonymous: bool = False


@dataclass(frozen=True)
class ServiceBusTrigger:
    """A queue, or its dead-letter queue; ``connection`` is the name of a setting, or the prefix of several."""

    queue: str
    dead_letter: bool
    connection: str
    sessions: bool
    binary: bool

    @property
    def entity(self) -> str:
        """The path of the queue, as the broker knows it."""
        return f"{self.queue}/$DeadLetterQueue" if self.dead_letter else self.queue


@dataclass(frozen=True)
class IndexedFunction:
    """A function that can be started: the callable, and the name of its trigger argument."""

    name: str
    call: Callable[..., Any]
    argument: str
    trigger: HttpTrigger | ServiceBusTrigger

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.call)

    @property
    def takes_context(self) -> bool:
        return "context" in inspect.signature(self.call).parameters


def index_functions(
    script_root: Path, environ: Mapping[str, str], starts: Callable[[str], bool]
) -> list[IndexedFunction]:
    """Import the function app of *script_root* and return those of its functions that *starts* accepts.

    Every function is imported and indexed, as in Azure; only the bindings of those to be started have to be supported
    here. Raises HostError for an app that the official host would refuse, too.
    """
    return [_index(name, function, environ) for name, function in _registered(script_root) if starts(name)]


def _registered(script_root: Path) -> Iterable[tuple[str, Function]]:
    sys.path.insert(0, str(script_root))
    module = importlib.import_module(SCRIPT_MODULE)
    apps = [value for value in vars(module).values() if isinstance(value, FunctionRegister)]
    if len(apps) != 1:
        raise HostError(f"{module.__file__}: exactly one top-level FunctionApp is needed, found {len(apps)}")
    for function in apps[0].get_functions():
        yield str(function.get_function_name()), function


def _index(name: str, function: Function, environ: Mapping[str, str]) -> IndexedFunction:
    try:
        bindings = json.loads(function.get_function_json())["bindings"]
        trigger = next(binding for binding in bindings if binding["type"].lower().endswith("trigger"))
        _refuse_unsupported(binding for binding in bindings if binding is not trigger)
        return IndexedFunction(name, function.get_user_function(), trigger["name"], _trigger(trigger, environ))
    except HostError as error:
        raise HostError(f"function {name!r}: {error}") from error


def _refuse_unsupported(bindings: Iterable[dict[str, Any]]) -> None:
    for binding in bindings:
        if (binding["type"], binding["name"]) != ("http", "$return"):
            raise HostError(f"the {binding['type']} binding {binding['name']!r} is not supported by the local host")


def _trigger(binding: dict[str, Any], environ: Mapping[str, str]) -> HttpTrigger | ServiceBusTrigger:
    match binding["type"]:
        case "httpTrigger":
            methods = tuple(str(method).upper() for method in binding.get("methods") or ())
            anonymous = str(binding.get("authLevel", "")).upper() == "ANONYMOUS"
            return HttpTrigger(binding["route"].strip("/"), methods, anonymous)
        case "serviceBusTrigger" if "queueName" in binding:
            return _service_bus_trigger(binding, environ)
        case unsupported:
            raise HostError(f"the trigger {unsupported} is not supported by the local host")


def _service_bus_trigger(binding: dict[str, Any], environ: Mapping[str, str]) -> ServiceBusTrigger:
    if str(binding.get("cardinality", "one")).lower() != "one":
        raise HostError("batch dispatch (cardinality many) is not supported by the local host")
    queue = resolve_expressions(binding["queueName"], environ)
    dead_letter = queue.lower().endswith(DEAD_LETTER_SUFFIX)
    return ServiceBusTrigger(
        queue=queue[: -len(DEAD_LETTER_SUFFIX)] if dead_letter else queue,
        dead_letter=dead_letter,
        connection=resolve_expressions(binding["connection"], environ),
        sessions=bool(binding.get("isSessionsEnabled")),
        binary=str(binding.get("dataType", "")).lower() == "binary",
    )
