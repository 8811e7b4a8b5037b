"""Whether the command-line tool `databricks` takes given arguments.

Its binary is on no registry of packages: `databricks-cli` of PyPI is the old tool, which has none of these commands.
But the new one is made from the same description of the API as the SDK for Python (see cmd/workspace and cmd/account in
databricks/cli): ``databricks [account] GROUP METHOD`` is a method of a service of the client, the required parameters
are positional or in ``--json``, the others are options. So the SDK says what the tool takes.
"""

import inspect
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints

from databricks.sdk import AccountClient, WorkspaceClient

Group = tuple[str, ...]
GLOBAL = {"--output", "--profile"}
WRITTEN_BY_HAND: dict[Group, tuple[int, set[str]]] = {
    ("workspace", "export-dir"): (2, {"--overwrite"}),
    ("workspace", "import-dir"): (2, {"--overwrite"}),
    ("auth", "login"): (1, {"--host", "--account-id", "--workspace-id"}),
}
"""Commands that have no method in the SDK: how many positional arguments there may be, and which options."""


class Refused(ValueError):
    """The tool would not take the arguments."""


def check(arguments: tuple[str, ...]) -> None:
    """Raises Refused."""
    words, options = _split(arguments)
    client, words = (AccountClient, words[1:]) if words[:1] == ("account",) else (WorkspaceClient, words)
    by_hand = WRITTEN_BY_HAND.get(words[:2]) if client is WorkspaceClient else None
    if by_hand is not None:
        count, known = by_hand
        if len(words) - 2 > count or set(options) - known - GLOBAL:
            raise Refused(" ".join(arguments))
        return
    if len(words) < 2:
        raise Refused(f"no method: {words}")
    _check_method(_method(client, words[0], words[1]), words[2:], options)


def _split(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Positional arguments, and options with their values."""
    words: list[str] = []
    options: dict[str, str] = {}
    rest = iter(arguments)
    for each in rest:
        if each.startswith("--"):
            name, has_value, value = each.partition("=")
            options[name] = value if has_value else next(rest, "")
        else:
            words.append(each)
    return tuple(words), options


def _method(client: type, group: str, method: str) -> Any:
    service = getattr(client, group.replace("-", "_"), None)
    if not isinstance(service, property) or service.fget is None:
        raise Refused(f"no group {group}")
    api = get_type_hints(service.fget)["return"]
    found = getattr(api, method.replace("-", "_"), None)
    if found is None:
        raise Refused(f"no method {method} in {group}")
    return found


def _check_method(method: Any, values: tuple[str, ...], options: Mapping[str, str]) -> None:
    kinds = {name: kind for name, kind in get_type_hints(method).items() if name != "return"}
    required = [
        name
        for name, parameter in inspect.signature(method).parameters.items()
        if name != "self" and parameter.default is parameter.empty
    ]
    bodies = [name for name in required if is_dataclass(kinds[name])]
    places = [name for name in required if name not in bodies]
    body = json.loads(options.get("--json", "{}"))
    for name in bodies:
        _check_value(kinds[name], body)
    if not bodies:
        _check_fields(kinds, body)
    missing = set(places[len(values) :]) - set(body)
    if len(values) > len(places) or missing:
        raise Refused(f"{len(values)} arguments are given, missing are {sorted(missing)}")
    for option in set(options) - GLOBAL - {"--json"}:
        if option.removeprefix("--").replace("-", "_") not in kinds:
            raise Refused(f"no option {option}")


def _check_fields(kinds: Mapping[str, Any], body: Any) -> None:
    if not isinstance(body, dict) or set(body) - set(kinds):
        raise Refused(f"{body} does not have the fields {sorted(kinds)}")
    for name, value in body.items():
        _check_value(kinds[name], value)


def _check_value(kind: Any, value: Any) -> None:
    kind = next((each for each in get_args(kind) if each is not NoneType), kind) if NoneType in get_args(kind) else kind
    if isinstance(value, list):
        for each in value:
            _check_value(get_args(kind)[0], each)
    elif is_dataclass(kind):
        hints = get_type_hints(kind)
        _check_fields({field.name: hints[field.name] for field in fields(kind)}, value)
    elif isinstance(kind, type) and issubclass(kind, Enum) and value not in [member.value for member in kind]:
        raise Refused(f"{value} is no {kind.__name__}")
