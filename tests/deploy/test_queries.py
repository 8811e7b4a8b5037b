"""The queries of deploy/queries: the language service of Kusto takes them, and the code logs what they search for."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from azure.servicebus.exceptions import ServiceBusServerBusyError
from pydantic import TypeAdapter

from tests.deploy.log_lines import OPERATION, lines

QUERIES = {
    path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "deploy/queries").glob("*.kql")
}
HERE = Path(__file__).parent / "kusto"
NODE = Path(sys.prefix) / "javascript/bin/node"
INSTALLED = Path(sys.prefix) / "kusto/node_modules"
TABLES = {
    "AppTraces": "(TimeGenerated:datetime, Message:string, SeverityLevel:int, AppRoleName:string, "
    "AppRoleInstance:string, OperationName:string, OperationId:string, ItemCount:int, Properties:dynamic)"
}
"""https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces: the columns that are used or may be."""
SEARCHED = re.compile(r"Message (startswith|contains|matches regex|has) @?(\"[^\"]+\"|'[^']+')")
EXTRACTED = re.compile(r"extract\(@\"([^\"]+)\", \d, Message\)")
FIELD = re.compile(r"\bLine\.(\w+)")


@cache
def complaints(*queries: str) -> dict[str, list[str]]:
    asked = {"tables": TABLES, "queries": {query: QUERIES.get(query, query) for query in queries}}
    done = subprocess.run(
        [NODE, HERE / "check.cjs"],
        input=json.dumps(asked),
        env={"NODE_PATH": str(INSTALLED)},
        capture_output=True,
        text=True,
        check=True,
    )
    return TypeAdapter(dict[str, list[str]]).validate_json(done.stdout)


def finds(operator: str, text: str) -> bool:
    match operator:
        case "startswith":
            return any(line.startswith(text) for line in lines())
        case "matches regex":
            return any(re.search(text, line) for line in lines())
        case _:
            return any(text in line for line in lines())


def test_kusto_takes_every_query() -> None:
    assert len(QUERIES) >= 10
    assert complaints(*QUERIES) == {name: [] for name in QUERIES}


def test_a_wrong_column_and_a_wrong_operator_are_found() -> None:
    said = complaints("AppTraces | where Mesage has 'x'", "AppTraces | wher true")
    assert all(said.values())


@pytest.mark.parametrize("name", QUERIES)
def test_the_code_logs_what_a_query_searches_for(name: str) -> None:
    """Each text alone: one that no line has any more would otherwise hide behind the others."""
    searched = [(operator, text[1:-1]) for operator, text in SEARCHED.findall(QUERIES[name])]
    searched += [("matches regex", pattern) for pattern in EXTRACTED.findall(QUERIES[name])]
    found = [(operator, text) for operator, text in searched if text != ServiceBusServerBusyError.__name__]
    assert searched or "has runId" in QUERIES[name]
    assert [(operator, text) for operator, text in found if not finds(operator, text)] == []


def test_every_kind_of_failed_training_is_found() -> None:
    (pattern,) = re.findall(r'matches regex @"([^"]+)"', QUERIES["failed-trainings"])
    found = {line.split(": ")[1] for line in lines() if re.match(pattern, line)}
    assert found == {"training-failed", "training-refused", "model-not-logged"}


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if FIELD.search(query)])
def test_a_request_has_the_fields_that_are_read(name: str) -> None:
    request = json.loads(next(line for line in lines() if line.startswith('{"method":')))
    assert set(FIELD.findall(QUERIES[name])) <= set(request)


def test_an_operation_is_found_by_its_id() -> None:
    """`has` looks for whole words."""
    assert sum(bool(re.search(rf"\b{OPERATION}\b", line)) for line in lines()) > 10
