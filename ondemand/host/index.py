"""Indexing: the functions that a worker found in the app, and their triggers."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ondemand.host.app_settings import resolve_expressions
from ondemand.host.errors import HostError
from ondemand.host.worker.protos import RpcFunctionMetadata
from ondemand.host.worker.worker import Worker

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
    """A function that can be started, by the id that its worker knows it by, and the name of its trigger argument."""

    name: str
    function_id: str
    argument: str
    trigger: HttpTrigger | ServiceBusTrigger


async def index_functions(
    worker: Worker, script_root: Path, environ: Mapping[str, str], starts: Callable[[str], bool]
) -> list[IndexedFunction]:
    """Let *worker* import the function app of *script_root* and return those of its functions that *starts* accepts.

    Every function is imported and indexed, as in Azure; only the bindings of those to be started have to be supported
    here. Raises HostError for an app that the official host would refuse, too.
    """
    return [_index(function, environ) for function in await worker.index(script_root) if starts(function.name)]


def _index(function: RpcFunctionMetadata, environ: Mapping[str, str]) -> IndexedFunction:
    try:
        bindings = [json.loads(binding) for binding in function.raw_bindings]
        trigger = next(binding for binding in bindings if binding["type"].lower().endswith("trigger"))
        _refuse_unsupported(binding for binding in bindings if binding is not trigger)
        return IndexedFunction(function.name, function.function_id, trigger["name"], _trigger(trigger, environ))
    except HostError as error:
        raise HostError(f"function {function.name!r}: {error}") from error


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
