"""Queues, roles and outputs of deploy/main.bicep against what they have to agree with."""

import json
import re
import subprocess
import sys
from functools import cache

import pytest
import yaml
from pydantic import TypeAdapter

from functions.deployments import DEPLOYMENTS
from tests.deploy.bicep import DEPLOY, FILES, PRINCIPALS, Tree, access, files, paths, references, unlooped

ROOT = DEPLOY.parent
QUEUES = {
    queue["Name"]: queue["Properties"]
    for queue in json.loads((ROOT / "ondemand/servicebus.json").read_text(encoding="utf-8"))["UserConfig"][
        "Namespaces"
    ][0]["Queues"]
}
ROLES = {
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
}
"""Built-in roles by their id, which is the same in every tenant."""
LIST_TRIGGERS = """
import json, sys
import function_app

triggers = {function.get_function_name(): function.get_trigger() for function in function_app.app.get_functions()}
queues = {name: getattr(trigger, "queue_name", None) for name, trigger in triggers.items()}
json.dump({name: queue for name, queue in queues.items() if queue}, sys.stdout)
"""
GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def on_request(parameter: str) -> set[str]:
    """The queues that KEDA reads only if a parameter is true."""
    found = set()
    table = files()["modules/servicebus.bicep"].variables["access"]["value"]
    assert isinstance(table, dict)
    for queue, rights in table.items():
        match rights:
            case {"scalers": {"operator": {"type": "conditional", "operands": {"condition": condition, **values}}}}:
                assert (condition, values["false_value"]) == (parameter, [])
                found.add(queue.strip("'"))
    return found


@cache
def triggers() -> dict[str, str]:
    """The queue of each function that a queue triggers; in a process of its own, an app can be indexed only once."""
    command = [sys.executable, "-c", LIST_TRIGGERS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return TypeAdapter(dict[str, str]).validate_json(listed)


def received_by(deployment: str) -> set[str]:
    """The queues whose messages, or dead letters, trigger the functions of a Deployment."""
    return {
        triggers()[name].removesuffix("/$DeadLetterQueue") for name in DEPLOYMENTS[deployment] if name in triggers()
    }


def assignments() -> list[tuple[str, Tree]]:
    return [
        (name, unlooped(resource))
        for name, file in files().items()
        for resource in file.resources.values()
        if resource["type"] == "Microsoft.Authorization/roleAssignments"
    ]


def test_the_queues_are_those_of_the_local_broker() -> None:
    declared = files()["modules/servicebus.bicep"].variables["declaredQueues"]["value"]
    assert isinstance(declared, dict)
    match declared["function"]:
        case {"type": "load_json_content", "parameters": {"file_path": str(path), "json_path": str(json_path)}}:
            assert (DEPLOY / "modules" / path).resolve() == ROOT / "ondemand/servicebus.json"
            assert json_path == "$.UserConfig.Namespaces[0].Queues"
        case other:
            pytest.fail(f"not loaded from a file: {other}")


@pytest.mark.parametrize("queue", QUEUES)
def test_every_setting_of_a_queue_is_taken_over(queue: str) -> None:
    settings = unlooped(files()["modules/queue.bicep"].resources["queue"])["properties"]
    assert isinstance(settings, dict)
    taken = {name: references(value, "properties") for name, value in settings.items()}
    assert taken == {name[0].lower() + name[1:]: {name} for name in QUEUES[queue]}


def test_every_queue_has_its_access_and_no_other() -> None:
    assert set(access()) == {"run-model" if name.startswith("run-model") else name for name in QUEUES}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_function_receives_from_the_queues_that_trigger_it_and_no_other(deployment: str) -> None:
    allowed = {queue for queue, rights in access().items() if PRINCIPALS[deployment] in rights["receivers"]}
    assert allowed == {"run-model" if name.startswith("run-model") else name for name in received_by(deployment)}


def test_keda_reads_the_queues_that_scale_a_function_and_has_no_other_right() -> None:
    read = {queue for queue, rights in access().items() if rights["scalers"] == {"keda"}}
    assert read == {"run-model", "train", *on_request("kedaHttpAddOn")}
    assert not any("keda" in rights["senders"] | rights["receivers"] for rights in access().values())


def test_keda_reads_replies_only_where_they_scale_predict() -> None:
    """Not by default: the queue of replies scales predict with the HTTP add-on alone."""
    assert on_request("kedaHttpAddOn") == {"results"}
    assert files()["main.bicep"].parameters["kedaHttpAddOn"]["default"] is False


def test_only_known_roles_are_assigned() -> None:
    used = {guid for name in FILES for guid in GUID.findall((DEPLOY / name).read_text(encoding="utf-8"))}
    assert used == set(ROLES)


def test_every_role_is_on_one_resource_and_to_a_service_principal() -> None:
    assert {(name, body["scope"]) for name, body in assignments()} == {
        ("modules/queue.bicep", "queue"),
        ("modules/operations.bicep", "container"),
        ("modules/keyvault.bicep", "vault"),
        ("modules/registry.bicep", "registry"),
    }
    for _, body in assignments():
        assert isinstance(body["properties"], dict)
        assert body["properties"]["principalType"] == "ServicePrincipal"


def test_the_store_is_open_to_those_who_read_its_setting() -> None:
    parameters = unlooped(files()["main.bicep"].modules["operations"])["params"]
    assert isinstance(parameters, dict)
    assert parameters["retentionDays"] == "retentionDays"
    text = (DEPLOY / "main.bicep").read_text(encoding="utf-8")
    assert "    principalIds: [predict.outputs.principalId]\n" in text
    assert "runnerPrincipalIds: concat([runModel.outputs.principalId], poolValues.outputs.principalIds)" in text

    assert "    trainPrincipalIds: [train.outputs.principalId]\n" in text


def test_train_reads_writes_lists_and_deletes_below_its_own_folder() -> None:
    text = (DEPLOY / "modules/operations.bicep").read_text(encoding="utf-8")
    assignment = unlooped(files()["modules/operations.bicep"].resources["trainAssignments"])["properties"]
    assert isinstance(assignment, dict)
    assert assignment["condition"] == "${trainReads} AND ${trainWrites} AND ${trainDeletes}"
    folder = "trainings"
    assert text.count(f"StringLike \\'*{folder}/*\\'") == 2
    assert f'"{folder}"' in (ROOT / "functions/train/blueprint.py").read_text(encoding="utf-8")


def test_a_runner_reads_inputs_and_writes_results_and_nothing_else() -> None:
    text = (DEPLOY / "modules/operations.bicep").read_text(encoding="utf-8")
    condition = unlooped(files()["modules/operations.bicep"].resources["runnerAssignments"])["properties"]
    assert isinstance(condition, dict)
    assert condition["condition"] == "${runnerReads} AND ${runnerWrites} AND ${runnerDeletes}"
    assert set(re.findall(r"StringLike \\'\*/(\S+?)\\'", text)) == {"input.json", "result.json"}
    code = (ROOT / "functions/operations.py").read_text(encoding="utf-8")
    assert code.count("/input.json") >= 2
    assert "/result.json" in code


def test_a_pool_receives_from_its_own_queue_and_has_an_identity() -> None:
    queues = unlooped(files()["modules/servicebus.bicep"].modules["poolQueues"])["params"]
    assert isinstance(queues, dict)
    text = (DEPLOY / "modules/servicebus.bicep").read_text(encoding="utf-8")
    assert "receivers: [principals.predict, poolPrincipalIds[index]]" in text
    assert "senders: [principals.predict, principals.train, poolPrincipalIds[index]]" in text
    assert "run-model-${replace(pool, '_', '-')}" in (DEPLOY / "main.bicep").read_text(encoding="utf-8")


def test_kedas_role_may_read_a_queue_and_not_own_it() -> None:
    default = str(files()["main.bicep"].parameters["kedaRoleId"]["default"])
    assert ROLES[default.strip("'")] == "Azure Service Bus Data Receiver"


def test_one_value_makes_everything_private() -> None:
    main = files()["main.bicep"]
    endpoints = {name for name in main.modules if name.endswith("Endpoint")}
    assert endpoints == {"serviceBusEndpoint", "operationsEndpoint", "vaultEndpoint"}
    text = (DEPLOY / "main.bicep").read_text(encoding="utf-8")
    assert "param publicNetworkAccess string = empty(privateEndpointSubnetId) ? 'Enabled' : 'Disabled'" in text
    assert "param serviceBusSku string = empty(privateEndpointSubnetId) ? 'Standard' : 'Premium'" in text
    for module in ("servicebus", "operations", "keyvault"):
        assert "publicNetworkAccess: publicNetworkAccess" in (DEPLOY / f"modules/{module}.bicep").read_text(
            encoding="utf-8"
        )


def test_the_outputs_are_values_of_the_chart() -> None:
    values = yaml.safe_load((ROOT / "helm/values.yaml").read_text(encoding="utf-8"))
    values["keda"] = yaml.safe_load((ROOT / "keda/values.yaml").read_text(encoding="utf-8")) | values.get("keda", {})
    output = files()["main.bicep"].outputs["helmValues"]["value"]
    assert isinstance(output, dict)
    for path in paths(output):
        inner = values
        for key in path:
            assert key in inner, path
            inner = inner[key]


@pytest.mark.parametrize("name", FILES)
def test_every_parameter_and_output_says_what_it_is(name: str) -> None:
    file = files()[name]
    for symbol, declaration in (file.parameters | file.outputs).items():
        assert isinstance(declaration["decorators"], list)
        kinds = [decorator["type"] for decorator in declaration["decorators"] if isinstance(decorator, dict)]
        assert "description" in kinds, symbol


def given_to(module: Tree) -> Tree:
    """The parameters of a module, out of its loop and its condition."""
    while "params" not in module:
        assert isinstance(module["config"], dict)
        module = module["config"]
    assert isinstance(module["params"], dict)
    return module["params"]


@pytest.mark.parametrize("name", files()["main.bicep"].modules)
def test_a_module_is_given_what_it_declares(name: str) -> None:
    module = files()["main.bicep"].modules[name]
    assert isinstance(module["detail"], dict)
    declared = files()[str(module["detail"]["path"])].parameters
    required = {parameter for parameter, declaration in declared.items() if declaration.get("default") is None}
    assert required <= set(given_to(module)) <= set(declared)


def test_outputs_of_modules_that_are_read_exist() -> None:
    text = (DEPLOY / "main.bicep").read_text(encoding="utf-8")
    paths = dict(re.findall(r"^module (\w+) '([^']+)'", text, re.MULTILINE))
    read = set(re.findall(r"\b(\w+)(?:\[index\])?!?\.outputs\.(\w+)", text))
    assert len(read) > 10
    for module, output in read:
        assert output in files()[paths[module]].outputs, f"{module}.{output}"
