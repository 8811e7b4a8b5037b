"""Pod Security restricted, secrets by reference only, least privilege."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.chart.charts import ROOT, Manifest, Release, containers, environment, key_vault_files, mount_path, pods
from tests.chart.conftest import Releases
from tests.chart.scenarios import HELM_SCENARIOS

VOLUMES = {"configMap", "secret", "emptyDir", "csi", "projected", "persistentVolumeClaim"}


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_pods_meet_pod_security_restricted(releases: Releases, scenario: str) -> None:
    for pod in pods(releases(scenario).manifests).values():
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] >= 10_000
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        kinds = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= VOLUMES


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_containers_can_change_nothing(releases: Releases, scenario: str) -> None:
    for container in containers(releases(scenario).manifests):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"]["memory"]
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_deployments_have_probes_and_drain(releases: Releases, scenario: str) -> None:
    for deployment in releases(scenario).of_kind("Deployment").values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        probes = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
        assert probes == {"startup": "/health/live", "readiness": "/health/ready", "liveness": "/health/live"}
        assert "/opt/mlflow-ondemand/drain.py" in " ".join(container["lifecycle"]["preStop"]["exec"]["command"])


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_no_secret_is_rendered(releases: Releases, scenario: str) -> None:
    """The charts make no Secret, and a variable that holds one names a Secret that somebody else made."""
    release = releases(scenario)
    assert release.of_kind("Secret") == {}
    for pod in pods(release.manifests).values():
        for name, value in environment(pod).items():
            secret = (
                name.endswith(("_TOKEN", "_SECRET", "_KEY", "_HEADERS", "CONNECTION_STRING"))
                or name == "SERVICEBUS_CONNECTION"
            )
            assert not secret or value is None, name


def references(pod: dict[str, Any]) -> set[tuple[str, str]]:
    (container,) = pod["containers"]
    sources = [variable["valueFrom"]["secretKeyRef"] for variable in container["env"] if "valueFrom" in variable]
    return {(source["name"], source["key"]) for source in sources}


def test_each_function_gets_its_own_secrets_only(releases: Releases) -> None:
    specs = pods(releases("connection-string").manifests)
    store = ("storage", "AZURE_STORAGE_ACCOUNT_KEY")
    assert references(specs["train"]) == {("bus", "listen-send"), ("databricks-train", "DATABRICKS_TOKEN"), store}
    models = {("bus", "listen-send"), ("mlflow", "token"), store}
    assert references(specs["predict"]) == references(specs["run-model"]) == models


@pytest.mark.parametrize("scenario", ["databricks-token", "key-vault"])
def test_a_runner_has_no_secret_that_starts_databricks_runs(releases: Releases, scenario: str) -> None:
    release = releases(scenario)

    def opens_databricks(pod: dict[str, Any]) -> set[tuple[str, str]]:
        (container,) = pod["containers"]
        secrets = [variable for variable in container["env"] if variable["name"].startswith("DATABRICKS_")]
        in_files = key_vault_files(release, pod)
        of_key_vault = {("key vault", name) for file, name in in_files.items() if file.startswith("DATABRICKS_")}
        return references({"containers": [{"env": secrets}]}) | of_key_vault

    specs = pods(release.manifests)
    assert opens_databricks(specs["train"])
    for other in ("predict", "run-model"):
        assert opens_databricks(specs[other])
        assert not opens_databricks(specs[other]) & opens_databricks(specs["train"])


def test_pods_do_not_have_the_connection_string_of_keda(releases: Releases) -> None:
    release = releases("connection-string")
    (of_keda,) = release.of_kind("TriggerAuthentication")["servicebus"]["spec"]["secretTargetRef"]
    assert (of_keda["name"], of_keda["key"]) == ("bus-of-keda", "manage")
    assert not any(("bus-of-keda", "manage") in references(pod) for pod in pods(release.manifests).values())


def classes(release: Release) -> dict[str, Manifest]:
    return release.of_kind("SecretProviderClass")


def secrets_kept(provider: Manifest) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = provider["spec"].get("secretObjects", [])
    return kept


ALL = "all keys of the Secret"


def mounted_keys(pod: dict[str, Any]) -> dict[str, str]:
    """Key of the Secret by the file in which the host reads it."""
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "functions-keys")
    sources = [source["secret"] for source in volume["projected"]["sources"]]
    assert len({source["name"] for source in sources}) == 1
    files = {item["path"]: item["key"] for source in sources for item in source.get("items", [])}
    return files if all("items" in source for source in sources) else {"*": ALL, **files}


@pytest.fixture(scope="session")
def http_functions() -> dict[str, dict[str, Any]]:
    """The HTTP trigger of each function that has one. In an interpreter of its own: an app lists its functions once."""
    code = """
import function_app, json
triggers = {f.get_function_name(): f.get_trigger().get_dict_repr() for f in function_app.app.get_functions()}
answering = {name: trigger for name, trigger in triggers.items() if trigger["type"] == "httpTrigger"}
print(json.dumps(answering, default=str))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    triggers: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return triggers


def test_probes_ask_functions_that_need_no_key(releases: Releases, http_functions: dict[str, dict[str, Any]]) -> None:
    """A probe has none to send. Each Deployment starts these functions, as test_environment.py shows."""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert host["extensions"]["http"]["routePrefix"] == ""
    anonymous = {
        f"/{trigger['route']}"
        for trigger in http_functions.values()
        if "ANONYMOUS" in trigger["authLevel"].upper() and "GET" in str(trigger["methods"]).upper()
    }
    for pod in pods(releases("pools").manifests).values():
        for container in pod["containers"]:
            probes = [probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")]
            assert set(probes) <= anonymous


@pytest.mark.parametrize(
    ("scenario", "of_the_host"),
    [
        ("default", {"*": ALL}),
        ("key-vault", {"host.master": "host.master", "host.function.default": "host.function.default"}),
    ],
)
def test_only_predict_knows_the_clients_keys(
    releases: Releases, http_functions: dict[str, dict[str, Any]], scenario: str, of_the_host: dict[str, str]
) -> None:
    """And each HTTP function has one: at a wrong key the host would make it up, cannot write it, and answers 500."""
    specs = pods(releases(scenario).manifests)
    of_functions = {f"functions.{name}.default": "host.function.default" for name in http_functions}
    assert mounted_keys(specs["predict"]) == of_the_host | of_functions


@pytest.mark.parametrize("scenario", ["default", "key-vault", "pools"])
def test_no_other_pod_has_a_key_of_predict(releases: Releases, scenario: str) -> None:
    """start.sh makes the key that drains its host, which nobody else knows; tests/deploy/test_start.py shows it."""
    specs = pods(releases(scenario).manifests)
    for name in (name for name in specs if name.startswith(("train", "run-model"))):
        (volume,) = (volume for volume in specs[name]["volumes"] if volume["name"] == "functions-keys")
        assert volume["emptyDir"]["medium"] == "Memory"
        (container,) = specs[name]["containers"]
        (mount,) = (mount for mount in container["volumeMounts"] if mount["name"] == "functions-keys")
        assert (mount["mountPath"], mount["readOnly"]) == ("/run/secrets/functions-keys", False)


def test_each_function_fetches_its_own_secrets_from_the_key_vault(releases: Releases) -> None:
    release = releases("key-vault")
    specs = pods(release.manifests)
    fetched = {name: key_vault_files(release, specs[name]) for name in ("predict", "train", "run-model")}
    insights = {"APPLICATIONINSIGHTS_CONNECTION_STRING": "insights"}
    assert fetched == {
        "predict": {
            "host.master": "master",
            "host.function.default": "client",
            "DATABRICKS_TOKEN": "databricks-token",
            "IDEMPOTENCY_SECRET": "idempotency",
        }
        | insights,
        "train": {"DATABRICKS_CLIENT_SECRET": "databricks-train-secret"} | insights,
        "run-model": {"DATABRICKS_CLIENT_SECRET": "databricks-secret"} | insights,
    }


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_no_variable_comes_from_a_secret_that_the_csi_driver_keeps(releases: Releases, scenario: str) -> None:
    """KEDA reads all variables of its target. From zero it could not: the driver deletes what no pod mounts."""
    release = releases(scenario)
    kept = {secret["secretName"] for provider in classes(release).values() for secret in secrets_kept(provider)}
    for deployment in release.of_kind("Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        assert not kept & {name for name, _ in references(pod)}
        assert "envFrom" not in pod["containers"][0]
    for authentication in release.of_kind("TriggerAuthentication").values():
        assert not kept & {secret["name"] for secret in authentication["spec"].get("secretTargetRef", [])}


def test_the_csi_driver_keeps_the_keys_of_the_host_only(releases: Releases) -> None:
    """The host reads them in a projected volume, `helm test` as a variable."""
    release = releases("key-vault")
    secrets = {name: secrets_kept(provider) for name, provider in classes(release).items()}
    (secret,) = secrets.pop("predict-keyvault")
    assert secrets == {"train-keyvault": [], "run-model-keyvault": []}
    specs = pods(release.manifests)
    assert {entry["key"]: entry["objectName"] for entry in secret["data"]} == {
        key: key for key in mounted_keys(specs["predict"]).values()
    }
    assert references(specs["test"]) == {(secret["secretName"], "host.function.default")}


def test_key_vault_files_are_where_the_start_script_reads_them(releases: Releases) -> None:
    script = (ROOT / "deploy/image/start.sh").read_text(encoding="utf-8")
    (folder,) = re.findall(r"KEY_VAULT_FOLDER:-(\S+)}", script)
    for name in ("predict", "train", "run-model"):
        assert mount_path(pods(releases("key-vault").manifests)[name], "keyvault") == folder


@pytest.mark.parametrize("scenario", ["default", "everything"])
def test_the_host_can_write_where_its_image_says(releases: Releases, scenario: str) -> None:
    """The root file system is read-only, and HOME of the image is the one other place."""
    (home,) = re.findall(r"^    HOME=(\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    for deployment in releases(scenario).of_kind("Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "tmp")
        assert "emptyDir" in volume
        assert mount_path(pod, "tmp") == home


def test_images_can_be_pinned_by_digest(releases: Releases) -> None:
    (container,) = pods(releases("pools").manifests)["run-model-gpu-a100"]["containers"]
    assert container["image"] == "example.azurecr.io/mlflow-ondemand-gpu@sha256:" + "a" * 64
