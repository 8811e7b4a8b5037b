"""Every command of the operators' documents is one that its tool takes."""

import re
import sys
from itertools import takewhile
from pathlib import Path
from platform import machine

import pytest
from typer.testing import CliRunner

from ondemand.cli import app
from tests.deploy import az_arguments, databricks_cli
from tests.deploy.alerts import METRICS
from tests.deploy.commands import DOCUMENTS, INSTALLED, Call, calls

KINDS = {
    *("deployment", "deployments", "events", "gateway", "hpa", "httproute", "namespace", "pod", "pods", "secret"),
    *("scaledobject", "scaledobjects"),
}
REFUSED_CONNECTION = ("connection refused", "was refused")
"""What `kubectl` and `helm` say once they have read their arguments."""


def of(tool: str, document: str) -> list[Call]:
    return [call for call in calls(document) if call.tool == tool]


def test_the_documents_have_commands_of_every_tool() -> None:
    found = {tool: sum(len(of(tool, document)) for document in DOCUMENTS) for tool in ("az", "kubectl", "helm")}
    assert min(found.values()) >= 7, found
    assert len(of("databricks", "deploy/README.md")) >= 7


def test_az_takes_its_commands(tmp_path: Path) -> None:
    """Of all documents at once: what `az` loads for one command serves the others."""
    commands = {call for document in DOCUMENTS for call in of("az", document)}
    said = az_arguments.refusals([call.arguments for call in commands], tmp_path)
    assert {str(call): refusal for call, refusal in zip(commands, said, strict=True) if refusal} == {}


@pytest.mark.skipif((sys.platform, machine()) != ("linux", "x86_64"), reason="the binaries are for Linux on x86-64")
@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("tool", ["kubectl", "helm"])
def test_kubectl_and_helm_take_their_commands(document: str, tool: str) -> None:
    errors = {str(call): call.errors for call in of(tool, document) if call.errors}
    assert {call: said for call, said in errors.items() if not any(each in said for each in REFUSED_CONNECTION)} == {}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_databricks_takes_its_commands(document: str) -> None:
    for call in of("databricks", document):
        databricks_cli.check(call.arguments)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_ondemand_takes_its_commands(document: str) -> None:
    """It reads all options before it gives help, and then does nothing."""
    said = {str(call): CliRunner().invoke(app, [*call.arguments, "--help"]) for call in of("ondemand", document)}
    assert {call: result.output for call, result in said.items() if result.exit_code} == {}


def test_a_wrong_option_of_ondemand_is_found() -> None:
    assert CliRunner().invoke(app, ["dead-letters", "list", "--made-up", "--help"]).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "service-principals", "made-up"),
        ("account", "no-such-group", "create"),
        ("permissions", "update", "notebooks", "1", "2"),
        ("permissions", "update", "notebooks", "1", "--json", '{"acl": []}'),
        ("permissions", "update", "notebooks", "1", "--json", '{"access_control_list": [{"permission_level": "ANY"}]}'),
        ("experiments", "create-experiment"),
        ("workspace", "import-dir", "notebooks", "/Shared", "--force"),
        ("jobs", "get-run", "1", "--no-such-option", "x"),
    ],
)
def test_wrong_arguments_of_databricks_are_found(arguments: tuple[str, ...]) -> None:
    with pytest.raises(databricks_cli.Refused):
        databricks_cli.check(arguments)


def values(call: Call, option: str) -> tuple[str, ...]:
    """What follows an option, up to the next one."""
    after = call.arguments[call.arguments.index(option) + 1 :] if option in call.arguments else ()
    return tuple(takewhile(lambda word: not word.startswith("--"), after))


def test_kinds_that_kubectl_is_asked_for_are_there() -> None:
    """Without a cluster it takes any."""
    verbs = {"get", "describe", "annotate", "scale", "delete", "label", "patch", "rollout", "wait", "logs"}
    asked: set[str] = set()
    for call in (call for document in DOCUMENTS for call in of("kubectl", document)):
        words = [word for word in call.arguments if not word.startswith("-")]
        while words and words[0] not in verbs:
            words.pop(0)
        words = words[2:] if words[:1] == ["rollout"] else words[1:]
        if words and not {"logs", "config"} & set(call.arguments):
            asked |= {kind.split("/")[0] for kind in words[0].split(",")}
    assert {"scaledobject", "scaledobjects", "deployment", "pods"} <= asked
    assert asked <= KINDS


def test_metrics_that_az_is_asked_for_are_measured() -> None:
    asked = {name for document in DOCUMENTS for call in of("az", document) for name in values(call, "--metrics")}
    assert asked
    assert asked <= set(METRICS["bus"])


def test_fields_of_a_queue_that_are_asked_for_are_in_its_answer() -> None:
    """JMESPath gives null for a field that is not there."""
    (folder,) = (INSTALLED / "lib").glob("*/site-packages/azure/cli/command_modules/servicebus/aaz/latest/servicebus")
    source = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    fields = set(re.findall(r'serialized_name="(\w+)"', source)) | set(re.findall(r"\.(\w+) = AAZ", source))
    calls = {call for document in DOCUMENTS for call in of("az", document) if call.arguments[0] == "servicebus"}
    queries = [query for call in calls for query in values(call, "--query")]
    asked = {word for query in queries for word in re.findall(r"\b[a-z]\w+\b(?!:)", query)}
    assert {"countDetails", "deadLetterMessageCount"} <= asked
    assert asked <= fields


def test_wrong_arguments_of_az_are_found(tmp_path: Path) -> None:
    wrong = [("group", "create", "--name", "g"), ("group", "list", "--query", "["), ("group", "list", "--made", "up")]
    right = [("group", "create", "--name", "g", "--location", "westeurope"), ("group", "list", "--query", "[].name")]
    said = az_arguments.refusals([*wrong, *right], tmp_path)
    assert [bool(each) for each in said] == [True, True, True, False, False]
