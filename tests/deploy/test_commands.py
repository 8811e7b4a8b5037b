"""Every command of the operators' documents is one that its tool takes."""

import sys
from pathlib import Path
from platform import machine

import pytest
from typer.testing import CliRunner

from ondemand.cli import app
from tests.deploy import az_arguments, databricks_cli
from tests.deploy.commands import DOCUMENTS, Call, calls

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


def test_wrong_arguments_of_az_are_found(tmp_path: Path) -> None:
    wrong = [("group", "create", "--name", "g"), ("group", "list", "--query", "["), ("group", "list", "--made", "up")]
    right = [("group", "create", "--name", "g", "--location", "westeurope"), ("group", "list", "--query", "[].name")]
    said = az_arguments.refusals([*wrong, *right], tmp_path)
    assert [bool(each) for each in said] == [True, True, True, False, False]
