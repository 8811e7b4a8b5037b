"""The operators' documents name what there is: queries, alert rules, queues, places in other documents; sums add up."""

import re
from pathlib import Path

import pytest

from tests.deploy.alerts import rules, text
from tests.deploy.bicep import DEPLOY, files
from tests.deploy.log_lines import in_invocations, of_handlers

ROOT = DEPLOY.parent
FOLDERS = ("", "broker", "deploy", "docs", "helm", "keda")
DOCUMENTS = [str(path.relative_to(ROOT)) for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md"))]
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
COSTS = (ROOT / "docs/costs.md").read_text(encoding="utf-8")


def section(document: str, title: str) -> str:
    return document.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(table: str) -> set[str]:
    """What the first cells of a table name in code."""
    cells = re.findall(r"^ *\| ([^|]+) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_runbook_names_every_query_and_no_other() -> None:
    named = first_cells(section(RUNBOOK, "Look into the logs"))
    assert named == {path.stem for path in (DEPLOY / "queries").glob("*.kql")}


def test_the_runbook_has_a_way_to_go_for_every_alert() -> None:
    made = {text(rule["name"]) for rule in rules("metricRules") + rules("queryRules")} | {"ReplicasAtMaximum"}
    assert first_cells(section(RUNBOOK, "Alerts")) == made


def test_the_thresholds_are_those_of_the_rules() -> None:
    parameters = files()["main.bicep"].parameters
    assert f"more than {parameters['alertServerErrors']['default']} answers with 5xx" in RUNBOOK
    assert f"more than {parameters['alertQueueSeconds']['default']} s" in RUNBOOK


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_anchor_is_a_heading(name: str) -> None:
    document = ROOT / name
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)]+)\)", document.read_text(encoding="utf-8")):
        path = (document.parent / target) if target else document
        assert anchor in anchors(path), f"{target}#{anchor}"


def test_the_runbook_has_the_words_of_the_log() -> None:
    said = re.findall(r"^ *\| (`.*`.*) \| .* \|$", section(RUNBOOK, "A stuck operation"), re.MULTILINE)
    phrases = [phrase for cell in said for phrase in re.findall(r"`([^`]+)`", cell) if " " in phrase]
    assert len(phrases) >= 4
    for phrase in phrases:
        pattern = re.compile(".*".join(re.escape(part) for part in phrase.split("…")))
        assert any(pattern.search(line) for line in of_handlers()), phrase


def test_the_runbook_names_errors_alerts_and_queries_that_there_are() -> None:
    errors = {line.split(": ")[1] for line in in_invocations() if re.match(r"operation \w+: [a-z-]+: because", line)}
    known = errors | first_cells(section(RUNBOOK, "Alerts")) | first_cells(section(RUNBOOK, "Look into the logs"))
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", RUNBOOK))
    assert {"training-failed", "too-many-trainings"} <= named
    assert named - known <= {"run-model", "keda-operator", "mlflow-ondemand"}


def test_reasons_of_dead_letters_are_those_of_functions_and_bus() -> None:
    reasons = first_cells(section(RUNBOOK, "A dead letter"))
    assert len(reasons) >= 4
    sources = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "broker").rglob("*.py")]
    written = "".join(path.read_text(encoding="utf-8") for path in sources if "tests" not in path.parts)
    assert [reason for reason in reasons if f'"{reason}"' not in written] == []


def test_the_modules_of_the_compatibility_statement_are_there() -> None:
    table = section(OPERATIONS, "Upgrade and rollback")
    named = {name for row in re.findall(r"\| ([^|]+) \|$", table, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)}
    assert len(named) >= 7
    for name in named:
        assert (ROOT / name).exists() or list((ROOT / "functions").rglob(name)), name


@pytest.mark.parametrize("title", ["Idle", "One request a second"])
def test_costs_add_up(title: str) -> None:
    rows = re.findall(r"^\| .* \| (?:\*\*)?(\d+)(?:\*\*)? \|$", section(COSTS, title), re.MULTILINE)
    *amounts, total = (int(row) for row in rows)
    assert len(amounts) >= 4
    assert sum(amounts) == total


def test_every_price_has_its_source() -> None:
    used = set(re.findall(r"\[(\d)\]", COSTS.split("\n## Sources\n")[0]))
    assert used == set(re.findall(r"^\| (\d) \|", section(COSTS, "Sources"), re.MULTILINE))
