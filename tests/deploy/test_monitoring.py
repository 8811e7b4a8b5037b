"""Alert rules, diagnostic settings and workbook of deploy/, against queries, queues and what Azure measures."""

import json
import re

import pytest
from pydantic import JsonValue

from functions.queues import FAILED
from tests.deploy.alerts import METRICS, rules, text
from tests.deploy.bicep import DEPLOY, Tree, files, unlooped

QUERIES = {path.name: path.read_text(encoding="utf-8") for path in (DEPLOY / "queries").glob("*.kql")}
WORKBOOK = json.loads((DEPLOY / "workbook.json").read_text(encoding="utf-8"))
AGGREGATIONS = {1: "Total", 2: "Minimum", 3: "Maximum", 4: "Average"}
"""Of a workbook."""
CATEGORIES = {
    "bus": {"allLogs", "audit", "OperationalLogs", "RuntimeAuditLogs", "AllMetrics"},
    "store": {"StorageRead", "StorageWrite", "StorageDelete", "Transaction", "Capacity"},
}
"""https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/logs-index: those of use; and of metrics."""
OF_KUBE_STATE_METRICS = {
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_current_replicas",
}
ASKED_FOR = {
    "dead-letters-kept",
    "dead-letters-unanswered",
    "late-messages",
    "old-messages",
    "server-errors",
    "failed-trainings",
    "throttling",
}


def test_there_is_a_rule_for_each_trouble() -> None:
    names = {text(rule["name"]) for rule in rules("metricRules") + rules("queryRules")}
    assert names >= ASKED_FOR
    assert "replicaRules" in files()["modules/alerts.bicep"].resources


@pytest.mark.parametrize("rule", rules("metricRules"), ids=lambda rule: text(rule["name"]))
def test_azure_measures_what_a_rule_looks_at(rule: Tree) -> None:
    measured = METRICS[str(rule["metricNamespace"])]
    assert text(rule["aggregation"]) in measured[text(rule["metric"])]
    assert bool(rule["entities"]) == (rule["metricNamespace"] == "bus"), "only metrics of Service Bus have queues"


def test_kept_dead_letters_are_looked_for_in_their_queue() -> None:
    (kept,) = [rule for rule in rules("metricRules") if text(rule["name"]) == "dead-letters-kept"]
    assert kept["entities"] == [FAILED]


@pytest.mark.parametrize("rule", rules("queryRules"), ids=lambda rule: text(rule["name"]))
def test_a_query_gives_the_column_that_its_rule_adds_up(rule: Tree) -> None:
    match rule["query"]:
        case {"function": {"type": "load_text_content", "parameters": {"file_path": str(path)}}}:
            query = QUERIES[path.removeprefix("../queries/")]
        case other:
            pytest.fail(f"not from a file: {other}")
    assert re.search(rf"\bsummarize {text(rule['column'])} = (sum\(ItemCount|max\(Max)\)", query)
    assert "ago(" not in query, "the rule has a window"


def test_the_rule_for_replicas_asks_for_metrics_that_are_there() -> None:
    module = (DEPLOY / "modules/alerts.bicep").read_text(encoding="utf-8")
    assert set(re.findall(r"\bkube_\w+", module)) == OF_KUBE_STATE_METRICS


@pytest.mark.parametrize("name", ["metricAlerts", "queryAlerts"])
def test_every_rule_tells_the_operators(name: str) -> None:
    properties = unlooped(files()["modules/alerts.bicep"].resources[name])["properties"]
    assert isinstance(properties, dict)
    assert "group" in json.dumps(properties["actions"])
    assert properties["enabled"] is True


def test_bus_and_store_tell_the_workspace() -> None:
    module = files()["modules/diagnostics.bicep"].resources
    for name in ("bus", "store"):
        body = unlooped(module[name])
        properties = body["properties"]
        assert isinstance(properties, dict)
        assert properties["workspaceId"] == "workspaceId"
        assert properties["logs"]
        assert properties["metrics"]
        named = set(re.findall(r"\"category(?:Group)?\": \"(\w+)\"", json.dumps(properties)))
        assert named
        assert named <= CATEGORIES[name]
    assert [unlooped(module[name])["scope"] for name in ("bus", "store")] == ["namespace", "blobs"]


def items(kind: int) -> list[dict[str, JsonValue]]:
    return [item["content"] for item in WORKBOOK["items"] if item["type"] == kind]


def test_the_workbook_asks_what_the_queries_ask() -> None:
    asked = {str(content["query"]) for content in items(3)}
    assert asked == {query for name, query in QUERIES.items() if name != "operation.kql"}, "it asks for one operation"


def test_the_workbook_shows_what_azure_measures() -> None:
    prefix = "microsoft.servicebus/namespaces--"
    for content in items(10):
        assert isinstance(content["metrics"], list)
        for metric in content["metrics"]:
            assert isinstance(metric, dict)
            measured = METRICS["bus"][str(metric["metric"]).removeprefix(prefix)]
            assert AGGREGATIONS[int(str(metric["aggregation"]))] in measured


def test_the_workbook_is_told_where_to_look() -> None:
    """Bicep puts the resources in place of these words."""
    (parameters,) = items(9)
    given = json.dumps(parameters)
    module = (DEPLOY / "modules/workbook.bicep").read_text(encoding="utf-8")
    places = set(re.findall(r"'([A-Z_]{5,})'", module))
    assert places == set(re.findall(r"\"([A-Z_]{5,})\"", given)) == {"SERVICE_BUS_ID", "WORKSPACE_ID"}
