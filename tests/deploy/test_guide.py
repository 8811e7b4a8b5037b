"""docs/azure.md and deploy/README.md say what the image and the Bicep files do."""

import re
from pathlib import Path

import pytest
import yaml

from tests.chart.charts import Charts
from tests.chart.scenarios import REQUIRED, at, merged
from tests.deploy.bicep import DEPLOY, PRINCIPALS, access, files, paths
from tests.deploy.locks import IMAGES, PYTHONS, read_lock

ROOT = DEPLOY.parent
AZURE = (ROOT / "docs/azure.md").read_text(encoding="utf-8")
GUIDE = (DEPLOY / "README.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def row(text: str, first: str) -> list[str]:
    """The cells after the first one of the table row that begins with it."""
    (found,) = re.findall(rf"^\| {re.escape(first)} \| (.*) \|$", text, re.MULTILINE)
    return str(found).split(" | ")


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("function", PRINCIPALS)
def test_the_table_of_roles_is_what_the_bicep_files_give(function: str) -> None:
    sends, receives, _ = row(section(AZURE, "Who may do what"), function)
    for cell, right in ((sends, "senders"), (receives, "receivers")):
        queues = {queue for queue, rights in access().items() if PRINCIPALS[function] in rights[right]}
        assert {name.removesuffix("*") for name in re.findall(r"`([^`]+)`", cell)} == queues


@pytest.mark.parametrize("image", IMAGES)
def test_the_number_of_packages_is_that_of_the_lock(image: str) -> None:
    packages, _ = row(AZURE, f"`mlflow-ondemand-{image}`")
    assert int(packages.split(":")[0]) == len(read_lock(f"{image}-{PYTHONS[0]}", PYTHONS[0]))


def test_user_port_and_places_are_those_of_the_dockerfile() -> None:
    assert f"USER {row(AZURE, 'user')[0]}" in DOCKERFILE
    assert f"EXPOSE {row(AZURE, 'port')[0]}" in DOCKERFILE
    for place in ("code", "packages", "entry point"):
        assert re.findall(r"`(/[^`]+)`", row(AZURE, place)[0])[0] in DOCKERFILE


def test_parameters_that_are_named_exist() -> None:
    named = set(re.findall(r"\b([a-z][A-Za-z]+)=[$'\[\w]", section(GUIDE, "3. Azure resources")))
    assert len(named) >= 8
    assert named <= set(files()["main.bicep"].parameters)


def test_outputs_that_are_read_exist() -> None:
    read = set(re.findall(r"properties\.outputs\.(\w+)\.value", GUIDE))
    assert read == {*files()["main.bicep"].outputs, "host"}
    assert "host" in files()["databricks.bicep"].outputs


GUID = "11111111-1111-1111-1111-111111111111"
DEPLOYED = {
    "global.servicebus.namespace": "ondemand-abc",
    "image.registry": "mlflowondemand.azurecr.io",
    "operations.url": "az://operations",
    "operations.storageAccount": "ondemandabc",
    "predict.identity.clientId": GUID,
    "train.identity.clientId": GUID,
    "runModel.identity.clientId": GUID,
    "pools": {},
    "keda.identity.clientId": GUID,
    "keyVault": {"name": ""},
}
"""What the output helmValues may be, by path."""
REFERENCED = re.compile(r"(?:secretKeyRef|secret):\n\s+(?:key: \S+\n\s+)?name: \"?([\w-]+)")


def test_what_is_deployed_and_the_values_of_the_guide_install(tmp_path: Path) -> None:
    output = files()["main.bicep"].outputs["helmValues"]["value"]
    assert {".".join(path) for path in paths(output)} == set(DEPLOYED)
    (own,) = re.findall(r"^\$ cat > values\.yaml <<'YAML'\n(.*?)^YAML$", GUIDE, re.MULTILINE | re.DOTALL)
    values = yaml.safe_load(own)
    for path, value in DEPLOYED.items():
        values = merged(values, at(path, value))
    release = Charts.copy_to(tmp_path).install("helm", values)
    assert release.of_kind("Deployment")
    secrets = set(re.findall(r"create secret generic ([\w-]+)", GUIDE))
    assert set(REFERENCED.findall(release.text)) == secrets, "the guide makes the Secrets that the pods take"


def test_links_of_the_guide_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", GUIDE)
    assert [link for link in links if "://" not in link and not (DEPLOY / link).exists()] == []
    anchors = re.findall(r"\(\.\./deploy/README\.md#([\w-]+)\)", AZURE)
    headings = re.findall(r"^## (.+)$", GUIDE, re.MULTILINE)
    titles = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert anchors
    assert set(anchors) <= titles


def test_the_way_in_leads_to_predict(tmp_path: Path) -> None:
    """The values of step 7 make a route of the Gateway there, whose namespace may reach predict."""
    step = section(GUIDE, "7. A name, TLS and a way in")
    (own,) = re.findall(r"^```yaml\n(.*?)^```", step, re.MULTILINE | re.DOTALL)
    gateway = yaml.safe_load(step.split("\n---\n")[1].split("\nYAML\n")[0].replace("$HOST", "models.example.com"))
    release = Charts.copy_to(tmp_path).install("helm", merged(REQUIRED, yaml.safe_load(own)))
    (route,) = release.of_kind("HTTPRoute").values()
    (parent,) = route["spec"]["parentRefs"]
    (listener,) = gateway["spec"]["listeners"]
    assert (parent["name"], parent["sectionName"]) == (gateway["metadata"]["name"], listener["name"])
    assert route["spec"]["hostnames"] == [listener["hostname"]]
    assert f"kubectl --namespace {parent['namespace']} apply" in step
    assert parent["namespace"] in yaml.safe_dump(release.of_kind("NetworkPolicy"))
