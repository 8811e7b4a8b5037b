"""The queries of deploy/queries: the language service of Kusto takes them, and the code logs what they search for."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from azure.servicebus.exceptions import ServiceBusServerBusyError
from pydantic import TypeAdapter

from functions.telemetry.names import QUEUE_TIME
from tests.deploy.log_lines import OPERATION, in_invocations, outside

QUERIES = {
    path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "deploy/queries").glob("*.kql")
}
HERE = Path(__file__).parent / "kusto"
NODE = Path(sys.prefix) / "javascript/bin/node"
INSTALLED = Path(sys.prefix) / "kusto/node_modules"
TABLES = {
    "AppTraces": "(TimeGenerated:datetime, Message:string, SeverityLevel:int, AppRoleName:string, "
    "AppRoleInstance:string, OperationName:string, OperationId:string, ItemCount:int, Properties:dynamic)",
    "AppMetrics": "(TimeGenerated:datetime, Name:string, Sum:real, Min:real, Max:real, ItemCount:int, "
    "AppRoleName:string, AppRoleInstance:string, Properties:dynamic)",
}
"""https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces and appmetrics: columns used or of use."""
SEARCHED = re.compile(r"Message (startswith|contains|matches regex|has) @?(\"[^\"]+\"|'[^']+')")
EXTRACTED = re.compile(r"extract\(@\"([^\"]+)\", \d, Message\)")
ALTERNATIVES = re.compile(r"\((?:\?:)?([\w ]+(?:\|[\w -]+)+)\)|\(((?:[a-z]+-[a-z]+\|?)+)\)")
WITHIN_INVOCATIONS = ("failures", "failed-trainings")
"""Outcomes are logged at INFO, by handlers alone."""
FIELD = re.compile(r"\bLine\.(\w+)")
METRIC = re.compile(r'^AppMetrics\n\| where Name == "([\w.]+)"$', re.MULTILINE)
LABEL = re.compile(r'Properties\["([\w.]+)"\]')


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


def finds(operator: str, text: str, lines: Sequence[str]) -> bool:
    match operator:
        case "startswith":
            return any(line.startswith(text) for line in lines)
        case "matches regex":
            return all(any(re.search(each, line) for line in lines) for each in spelt_out(text))
        case _:
            return any(text in line for line in lines)


def spelt_out(pattern: str) -> list[str]:
    """The pattern once for each of its alternatives, so that none hides behind another."""
    for group in ALTERNATIVES.finditer(pattern):
        words = (group[1] or group[2]).split("|")
        return [pattern[: group.start()] + f"({word})" + pattern[group.end() :] for word in words]
    return [pattern]


def test_kusto_takes_every_query() -> None:
    assert len(QUERIES) >= 10
    assert complaints(*QUERIES) == {name: [] for name in QUERIES}


def test_a_wrong_column_and_a_wrong_operator_are_found() -> None:
    said = complaints("AppTraces | where Mesage has 'x'", "AppTraces | wher true")
    assert all(said.values())


def searched(name: str) -> list[tuple[str, str]]:
    """Operators and texts; without the errors of SDKs, which are no words of ours."""
    found = [(operator, text[1:-1]) for operator, text in SEARCHED.findall(QUERIES[name])]
    found += [("matches regex", pattern) for pattern in EXTRACTED.findall(QUERIES[name])]
    return [(operator, text) for operator, text in found if text != ServiceBusServerBusyError.__name__]


@pytest.mark.parametrize("name", QUERIES)
def test_the_code_logs_what_a_query_searches_for(name: str) -> None:
    """Each text alone: one that no line has any more would otherwise hide behind the others."""
    assert searched(name) or "has runId" in QUERIES[name] or METRIC.search(QUERIES[name])
    assert [each for each in searched(name) if not finds(*each, in_invocations())] == []


@pytest.mark.parametrize("name", sorted(set(QUERIES) - set(WITHIN_INVOCATIONS)))
def test_a_query_finds_what_background_tasks_log(name: str) -> None:
    """Their lines have level and logger before the message."""
    texts = [(operator, text) for operator, text in searched(name) if operator != "startswith"]
    assert [each for each in texts if not finds(*each, outside())] == []


def test_alternatives_are_looked_for_one_by_one() -> None:
    assert not finds("matches regex", "(inbox|no such thing): ", in_invocations())


def test_the_functions_measure_what_a_query_looks_at() -> None:
    query = QUERIES["queue-time"]
    assert METRIC.findall(query) == [QUEUE_TIME.name]
    assert set(LABEL.findall(query)) <= set(QUEUE_TIME.labels)


def test_every_kind_of_failed_training_is_found() -> None:
    (pattern,) = re.findall(r'matches regex @"([^"]+)"', QUERIES["failed-trainings"])
    found = {line.split(": ")[1] for line in in_invocations() if re.match(pattern, line)}
    assert found == {"training-failed", "training-refused", "model-not-logged"}


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if FIELD.search(query)])
def test_a_request_has_the_fields_that_are_read(name: str) -> None:
    request = json.loads(next(line for line in in_invocations() if line.startswith('{"method":')))
    assert set(FIELD.findall(QUERIES[name])) <= set(request)


def test_an_operation_is_found_by_its_id() -> None:
    """`has` looks for whole words."""
    assert sum(bool(re.search(rf"\b{OPERATION}\b", line)) for line in in_invocations()) > 10
