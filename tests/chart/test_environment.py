"""Each Deployment gets the settings that its function reads, all of them and no others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from databricks.sdk.config import Config
from pydantic import BaseModel

from functions import settings
from functions.catalog import load_catalog
from functions.deployments import DEPLOYMENTS, dead_letter_function
from tests.chart.charts import ROOT, Release, environment, key_vault_files, pods
from tests.chart.conftest import Releases
from tests.chart.scenarios import HELM_SCENARIOS, POOLS_CATALOG

FUNCTIONS = ("predict", "train", "run-model")
PLACEHOLDER = "a value from a Secret"

HOST = {
    "AzureFunctionsWebHost__hostid": "equal on all replicas of a Deployment",
    "AzureWebJobsSecretStorageType": "keys come from the Secret that is mounted",
    "AzureFunctionsJobHost__functionTimeout": "host.json's, from which terminationGracePeriodSeconds follows",
    "AzureFunctionsJobHost__extensions__serviceBus__maxAutoLockRenewalDuration": "as long as functionTimeout",
    "AzureFunctionsJobHost__telemetryMode": "OpenTelemetry instead of Application Insights' own export",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "where the host sends telemetry",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "the same",
    "OTEL_EXPORTER_OTLP_HEADERS": "the same",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "the same",
    "OTEL_SERVICE_NAME": "the same",
}
"""What the Functions host reads, with the reason; functions/ does not see it."""
BODY_LIMIT = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
"""Of the host too, where it has a function that takes bodies."""
OBSTORE = {
    "AZURE_STORAGE_ACCOUNT_NAME": "the account of az://container",
    "AZURE_STORAGE_ACCOUNT_KEY": "where there is no workload identity",
}
"""What obstore's AzureStore reads beside OPERATIONS_URL."""
MLFLOW = {"MLFLOW_TRACKING_TOKEN": "the client library's own"}
DATABRICKS = {
    "DATABRICKS_HOST",
    "DATABRICKS_TOKEN",
    "DATABRICKS_AUTH_TYPE",
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_OIDC_TOKEN_FILEPATH",
}
"""What databricks-sdk reads, in train and, under MLflow, in run_model."""
OF_LIBRARIES: dict[str, set[str]] = {
    "predict": {*HOST, BODY_LIMIT, *OBSTORE},
    "train": {*HOST, *OBSTORE, *DATABRICKS},
    "run-model": {*HOST, *OBSTORE, *MLFLOW, *DATABRICKS},
}
OF_USERS = {"HTTPS_PROXY"}  # extraEnv of a scenario


def folder(function: str) -> Path:
    return ROOT / "functions" / function.replace("-", "_")


def kinds(function: str) -> set[type[BaseModel]]:
    """The settings classes that the function's code loads."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder(function).glob("*.py"))
    return {getattr(settings, name) for name in re.findall(r"\bload\((\w+Settings)\)", code)}


def variables(function: str) -> set[str]:
    """The environment variables that functions/ reads in this Deployment."""
    fields = {info.alias or name.upper() for kind in kinds(function) for name, info in kind.model_fields.items()}
    return fields | {"CATALOG_FILE"} | ({"RUN_MODEL_QUEUE"} if function == "run-model" else set())


def deployments(release: Release) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Function and environment of each Deployment."""
    for name, pod in pods(release.manifests).items():
        function = pod["containers"][0]["name"]
        if function in FUNCTIONS:
            assert function in name
            # start.sh makes a variable of each such file.
            of_key_vault = [file for file in key_vault_files(release, pod) if not file.startswith("host.")]
            given = environment(pod) | dict.fromkeys(of_key_vault)
            yield function, {key: value for key, value in given.items() if not re.search(r"__functions__\d+$", key)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_code_names_its_settings(function: str) -> None:
    """Otherwise the comparison below would compare with nothing."""
    assert settings.BusSettings in kinds(function)
    assert len(variables(function)) >= 7


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_no_variable_is_unknown(releases: Releases, scenario: str) -> None:
    for function, given in deployments(releases(scenario)):
        assert set(given) - variables(function) - OF_LIBRARIES[function] - OF_USERS == set(), function


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_setting_can_be_set(releases: Releases, function: str) -> None:
    rendered = {
        name
        for scenario in HELM_SCENARIOS
        for of, given in deployments(releases(scenario))
        if of == function
        for name in given
    }
    assert (variables(function) | OF_LIBRARIES[function]) - rendered == set()


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_the_code_accepts_what_is_set(releases: Releases, scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for function, given in deployments(releases(scenario)):
        with monkeypatch.context() as patch:
            for name in variables(function):
                patch.delenv(name, raising=False)
            for name, value in given.items():
                patch.setenv(name, value or PLACEHOLDER)
            for kind in kinds(function):
                settings.load.__wrapped__(kind)


@pytest.mark.parametrize(("function", "key"), [("predict", "predict"), ("train", "train"), ("run-model", "runModel")])
def test_defaults_are_those_of_the_code(function: str, key: str) -> None:
    values = yaml.safe_load((ROOT / "helm/values.yaml").read_text(encoding="utf-8"))[key]["settings"]
    defaults = {
        name.upper(): info.default
        for kind in kinds(function)
        for name, info in kind.model_fields.items()
        if isinstance(info.default, int | float)
    }
    assert values == defaults


def test_the_host_reads_little_more_than_the_function_takes(releases: Releases) -> None:
    """Its own limit is 100 MiB for each of thousands of requests."""
    given = dict(deployments(releases("default")))["predict"]
    most = int(str(given["MAX_BODY_BYTES"]))
    assert most < int(str(given[BODY_LIMIT])) <= most + 1024**2


def test_databricks_variables_are_those_of_its_sdk() -> None:
    known = {attribute.env for attribute in Config.attributes()}
    assert known >= DATABRICKS


@pytest.mark.parametrize(
    ("scenario", "auth_type", "beside"),
    [
        ("default", "file-oidc", {"DATABRICKS_CLIENT_ID", "DATABRICKS_OIDC_TOKEN_FILEPATH"}),
        ("key-vault", "oauth-m2m", {"DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"}),
        ("connection-string", "pat", {"DATABRICKS_TOKEN"}),
    ],
)
def test_train_has_one_way_into_databricks(releases: Releases, scenario: str, auth_type: str, beside: set[str]) -> None:
    given = dict(deployments(releases(scenario)))["train"]
    assert given["DATABRICKS_AUTH_TYPE"] == auth_type
    assert {name for name in given if name.startswith("DATABRICKS_")} - {
        "DATABRICKS_HOST",
        "DATABRICKS_AUTH_TYPE",
        "DATABRICKS_TIMEOUT_S",
    } == beside


def started(release: Release, deployment: str) -> set[str | None]:
    given = environment(pods(release.manifests)[deployment])
    return {value for name, value in given.items() if name.startswith("AzureFunctionsJobHost__functions__")}


@pytest.mark.parametrize("deployment", FUNCTIONS)
def test_hosts_start_the_functions_of_their_deployment(releases: Releases, deployment: str) -> None:
    assert started(releases("default"), deployment) == set(DEPLOYMENTS[deployment])


def test_pools_add_their_dead_letters_to_predict(releases: Releases, tmp_path: Path) -> None:
    catalog = tmp_path / "models.yaml"
    catalog.write_text(POOLS_CATALOG, encoding="utf-8")
    functions = {dead_letter_function(queue) for queue in load_catalog(catalog).run_model_queues}
    assert started(releases("pools"), "predict") == set(DEPLOYMENTS["predict"]) | functions
    assert started(releases("pools"), "run-model-gpu-a100") == set(DEPLOYMENTS["run-model"])


def seconds(timespan: str) -> int:
    hours, minutes, rest = map(int, timespan.split(":"))
    return hours * 3600 + minutes * 60 + rest


def test_pods_get_longer_than_their_longest_work(release: Release) -> None:
    for name, pod in pods(release.manifests).items():
        if name.endswith("test"):
            continue
        given = environment(pod)
        longest = seconds(str(given["AzureFunctionsJobHost__functionTimeout"]))
        renewal = seconds(str(given["AzureFunctionsJobHost__extensions__serviceBus__maxAutoLockRenewalDuration"]))
        assert pod["terminationGracePeriodSeconds"] > longest
        assert renewal >= longest


def test_the_longest_work_is_that_of_host_json(releases: Releases) -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    given = dict(deployments(releases("default")))["run-model"]
    assert given["AzureFunctionsJobHost__functionTimeout"] == host["functionTimeout"]
