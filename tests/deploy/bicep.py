"""The Bicep files as syntax trees, by the parser that checkov brings: Bicep's own compiler cannot be had here."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

from pydantic import BaseModel, JsonValue, TypeAdapter

DEPLOY = Path(__file__).parents[2] / "deploy"
PRINCIPALS = {"predict": "predict", "train": "train", "run-model": "runModel"}
"""The name of each Deployment in the Bicep files."""
FILES = sorted(path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*.bicep"))
PARSE = """
import json, sys
from pathlib import Path
from pycep import BicepParser

parser = BicepParser()
json.dump({name: parser.parse(text=Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]}, sys.stdout)
"""
Tree = dict[str, JsonValue]


class File(BaseModel):
    """Each by its symbolic name."""

    parameters: dict[str, Tree] = {}
    variables: dict[str, Tree] = {}
    resources: dict[str, Tree] = {}
    modules: dict[str, Tree] = {}
    outputs: dict[str, Tree] = {}


@cache
def files() -> dict[str, File]:
    """Every Bicep file by its path below ``deploy/``."""
    command = [str(Path(sys.prefix) / "checkov/bin/python"), "-c", PARSE, *FILES]
    parsed = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=True).stdout
    return TypeAdapter(dict[str, File]).validate_json(parsed)


def references(tree: JsonValue, owner: str) -> set[str]:
    """The ``x`` of every ``owner.x`` in a tree."""
    if isinstance(tree, list):
        return {found for item in tree for found in references(item, owner)}
    if not isinstance(tree, dict):
        return set()
    found = {found for item in tree.values() for found in references(item, owner)}
    match tree:
        case {"type": "property_accessor", "operands": {"operand_1": str(first), "operand_2": str(second)}}:
            return found | {second} if first == owner else found
    return found


def unlooped(resource: Tree) -> Tree:
    """The body of a resource or module, out of its loop if it is in one."""
    body = resource["config"]
    if isinstance(body, dict) and "loop_type" in body:
        body = body["config"]
    assert isinstance(body, dict), json.dumps(body)
    return body


def access() -> dict[str, dict[str, set[str]]]:
    """Principals by queue and by what they may do with it."""
    table = files()["modules/servicebus.bicep"].variables["access"]["value"]
    assert isinstance(table, dict)
    return {
        queue.strip("'"): {right: references(who, "principals") for right, who in rights.items()}
        for queue, rights in table.items()
        if isinstance(rights, dict)
    }


def paths(tree: JsonValue, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Paths to the leaves of a literal object, whose values are expressions."""
    if not isinstance(tree, dict) or {"operator", "function"} & set(tree):
        return {prefix}
    return {path for key, inner in tree.items() for path in paths(inner, (*prefix, key))}
