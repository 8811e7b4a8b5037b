"""Values that cannot be are refused before anything is installed, and the message says which and why."""

from typing import Any

import helm_python as helm
import pytest

from functions.predict import blueprint as predict
from functions.run_model import blueprint as run_model
from functions.settings import BusSettings, RunModelSettings
from functions.train import blueprint as train
from tests.chart.charts import RELEASE, Charts
from tests.chart.scenarios import BUS, HELM_SCENARIOS, POOLS_CATALOG, REQUIRED, at, merged

GUID = "11111111-1111-1111-1111-111111111111"


REFUSED_BY_SCHEMA: list[tuple[str, Any, str]] = [
    ("predictt", {}, "'predictt' not allowed"),
    ("predict.replica", 3, "'replica' not allowed"),
    ("predict.settings.DEFAULT_WAITS", 3, "'DEFAULT_WAITS' not allowed"),
    ("train.settings.MAX_ROWS", 3, "'MAX_ROWS' not allowed"),
    ("predict.settings.DEFAULT_WAIT_S", 61, "maximum: got 61, want 60"),
    ("predict.settings.MAX_ROWS", 0, "minimum: got 0, want 1"),
    ("predict.replicas", "two", "got string, want integer"),
    ("predict.replicas", -1, "minimum"),
    ("image.pullPolicy", "Sometimes", "value must be one of"),
    ("image.registry", "https://example.azurecr.io", "host_and_path_without_https"),
    ("image.registry", "Example.azurecr.io", "host_and_path_without_https"),
    ("image.registry", "example.azurecr.io/", "host_and_path_without_https"),
    ("predict.image.digest", "latest", "does not match pattern"),
    ("global.servicebus.namespace", "ondemand.servicebus.windows.net", "letter_then_letters_digits_hyphens_no_domain"),
    ("global.servicebus.namespace", "bus", "letter_then_letters_digits_hyphens_no_domain"),
    ("global.servicebus.cloud", "AWS", "value must be one of"),
    ("global.fullname", "Not_A_Name", "does not match pattern"),
    ("operations.url", "operations/v1", "does not match pattern"),
    ("operations.storageAccount", "Ondemand-Store", "lower_case_letters_and_digits_no_domain"),
    ("operations.storageAccount", "store.blob.core.windows.net", "lower_case_letters_and_digits_no_domain"),
    ("databricks.auth", "password", "value must be one of"),
    ("databricks.token", "dapi123", "'token' not allowed"),
    ("secrets.databricksToken.value", "dapi123", "'value' not allowed"),
    ("predict.identity.clientId", "my-identity", "does not match pattern"),
    ("host.functionTimeoutSeconds", 5, "minimum"),
    ("networkPolicy.egressCidrs", [], "minItems: got 0, want 1"),  # to nowhere would be to everywhere
    ("networkPolicy.egressCidrs", ["10.0.0.0"], "CIDR_such_as_10_0_0_0_slash_16"),
    ("networkPolicy.egressCidrs", ["10.0.0.0/33"], "CIDR_such_as_10_0_0_0_slash_16"),
    ("networkPolicy.egress.storage", ["300.0.0.0/8"], "CIDR_such_as_10_0_0_0_slash_16"),
    ("networkPolicy.egressExcept", ["169.254.169.254"], "CIDR_such_as_10_0_0_0_slash_16"),
    ("networkPolicy.ingressFrom", [{"ipBlock": {"cidr": "10.0.0.0"}}], "CIDR_such_as_10_0_0_0_slash_16"),
    ("networkPolicy.ingressFrom", [{"ipblock": {"cidr": "10.0.0.0/8"}}], "'ipblock' not allowed"),
    ("networkPolicy.extraEgress", [{"to": [{"ipBlock": {"cidr": "10.1/8"}}]}], "CIDR_such_as_10_0_0_0_slash_16"),
    ("networkPolicy.extraEgress", [{"from": []}], "'from' not allowed"),
    ("networkPolicy.extraEgress", [{"ports": [{"port": 0}]}], "minimum"),
    ("service.type", "ExternalName", "value must be one of"),
    ("ingress.host", "a.example.com", "'host' not allowed"),
    ("predict.tolerations", [{"key": "a", "operater": "Exists"}], "'operater' not allowed"),
    ("predict.extraEnv", [{"name": "A"}], "'oneOf' failed"),
    ("pools.gpu.identity", {"client": GUID}, "'client' not allowed"),
    ("keda.runModle", {}, "'runModle' not allowed"),
    ("keda.train.messageCount", 0, "minimum: got 0, want 1"),
    ("keda.train.fallback.behavior", "panic", "value must be one of"),
    ("keda.train.behavior.scaleUp.policies", [{"type": "Pods", "value": 1}], "missing property 'periodSeconds'"),
    ("keda.predict.http.readinessTimeout", "soon", "does not match pattern"),
]
REFUSED_BY_TEMPLATES: list[tuple[str, Any, str]] = [
    ("image.registry", "", "image.registry: the registry of your images"),
    ("operations.url", "", "operations.url: the operation store"),
    ("databricks.host", "", "databricks.host: the workspace"),
    ("databricks.oidcAudience", "", "databricks.oidcAudience: the audience of the federation policy"),
    ("operations.storageAccount", "", "operations.storageAccount: the storage account of operations.url"),
    ("databricks.auth", "token", "secrets.databricksTrainToken: where it is, for databricks.auth: token"),
    ("databricks.auth", "client-secret", "secrets.databricksTrainClientSecret: where it is"),
    ("predict.identity.clientId", "", "predict.identity.clientId: client id of its managed identity; or set global"),
    ("runModel.identity.clientId", "", "runModel.identity.clientId: client id of its managed identity; or set global"),
    ("train.identity.databricksClientId", "", "train.identity.databricksClientId: client id of its service principal"),
    ("runModel.identity.databricksClientId", "", "runModel.identity.databricksClientId: client id of its service"),
    ("global.servicebus.namespace", "", "set global.servicebus.namespace"),
    ("functionKeys.secret", "", "functionKeys.secret: a Secret with host.master"),
    ("global.catalog", "models: [", "global.catalog is no models.yaml"),
    ("global.catalog", "wine: {}", 'it has no mapping "models"'),
    ("global.catalog", "models: {wine: red}", "global.catalog: models.wine is no mapping"),
    ("global.catalog", "models: {wine: {pool: GPU}}", "models.wine.pool: GPU is no name of lower-case letters"),
    ("pools.gpu", {}, "pools.gpu: the catalog has no model type with pool: gpu"),
    ("keda.pools.gpu", {}, "pools.gpu: the catalog has no model type with pool: gpu"),
    ("keda.predict.minReplicas", 0, "CPU cannot wake what does not run"),
    ("keda.predict.http.enabled", True, "predict.http.hosts: name the hosts"),
    ("keda.train.minReplicas", 6, "train: minReplicas 6 is above maxReplicas 5"),
    ("predict.autoscaling.enabled", True, "predict: autoscaling.enabled and KEDA would both decide"),
    ("runModel.autoscaling.enabled", True, "run-model: autoscaling.enabled and KEDA would both decide"),
    ("predict.extraEnv", [{"name": "MAX_ROWS", "value": "9"}], "predict: extraEnv has MAX_ROWS, which is set already"),
    ("ingress.enabled", True, "ingress.hosts: name at least one host"),
    ("httpRoute.enabled", True, "httpRoute.parentRefs: name at least one Gateway"),
    ("ingress", {"enabled": True, "hosts": ["a.example.com"]}, "ingress.tls: no entry has a.example.com"),
    (
        "ingress",
        {"enabled": True, "hosts": ["a.b.example.com"], "tls": [{"hosts": ["*.example.com"]}]},
        "ingress.tls: no entry has a.b.example.com",
    ),
    ("httpRoute", {"enabled": True, "parentRefs": [{"name": "public"}]}, "public has no sectionName"),
    (
        "httpRoute",
        {"enabled": True, "parentRefs": [{"name": "public", "sectionName": "https"}]},
        "networkPolicy.ingressNamespaces: the namespace of the ingress controller",
    ),
    ("service.type", "NodePort", "set allowPlainHttp: true"),
    ("service.type", "LoadBalancer", "set allowPlainHttp: true"),
    (
        "host.functionTimeoutSeconds",
        580,
        "host.functionTimeoutSeconds: 580 is not above 580 s, which one message of run-model",
    ),
    (
        "runModel.settings.PREDICT_TIMEOUT_S",
        180,
        "(260, LOAD_TIMEOUT_S 180, PREDICT_TIMEOUT_S 180, SEND_TIMEOUT_S 2 x 10)",
    ),
    ("predict.settings.SEND_TIMEOUT_S", 150.5, "600 is not above 821 s, which one message of predict may take"),
    ("train.settings.SEND_TIMEOUT_S", 150, "raise it, or lower these of train.settings"),
    ("secrets.mlflowToken.keyVaultObject", "token", "keyVault.name: the Key Vault of the keyVaultObjects"),
    (
        "secrets.mlflowToken",
        {"secret": "a", "keyVaultObject": "b"},
        "secrets.mlflowToken: secret or keyVaultObject, not both",
    ),
    ("functionKeys.keyVaultObjects", {"host.master": "b"}, "functionKeys: secret or keyVaultObjects, not both"),
    ("global.fullname", "n" * 50, "has more than 54 characters, and KEDA puts keda-hpa- before it"),
]
ALONE: list[tuple[str, Any, str]] = [
    ("trian", {}, "'trian' not allowed"),
    ("predict.minReplicas", 0, "CPU cannot wake what does not run"),
    ("runModel.maxReplicas", 0, "minimum: got 0, want 1"),
    ("runModel.minReplicas", 21, "run-model: minReplicas 21 is above maxReplicas 20"),
    ("global.servicebus.namespace", "", "set global.servicebus.namespace"),
    ("pools.gpu", {}, "pools.gpu: the catalog has no model type with pool: gpu"),
]
LONG_POOL = POOLS_CATALOG.replace("gpu_a100", "p" * 50)


@pytest.mark.parametrize(("path", "value", "said"), REFUSED_BY_SCHEMA)
def test_values_that_the_schema_refuses(charts: Charts, path: str, value: Any, said: str) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        charts.install("helm", merged(REQUIRED, at(path, value)))
    assert said in str(refusal.value)
    assert path.rsplit(".", 1)[0].removeprefix("keda.").replace(".", "/") in str(refusal.value)


@pytest.mark.parametrize(("path", "value", "said"), REFUSED_BY_TEMPLATES)
def test_values_that_make_no_sense_together(charts: Charts, path: str, value: Any, said: str) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        charts.install("helm", merged(REQUIRED, at(path, value)))
    assert said in str(refusal.value)


def test_a_key_vault_has_both_keys_of_the_host(charts: Charts) -> None:
    """A pod that mounts a key that is not fetched never starts."""
    keys = {"secret": "", "keyVaultObjects": {"host.master": "master"}}
    with pytest.raises(helm.HelmError, match="or both in functionKeys"):
        charts.install("helm", HELM_SCENARIOS["key-vault"] | {"functionKeys": keys})


def test_a_store_in_azure_needs_an_identity_or_a_key(charts: Charts) -> None:
    values = merged(HELM_SCENARIOS["connection-string"], at("secrets.storageAccountKey.secret", ""))
    with pytest.raises(helm.HelmError, match=r"secrets\.storageAccountKey: the key of operations\.storageAccount"):
        charts.install("helm", values)
    identities = {function: {"identity": {"clientId": GUID}} for function in ("predict", "train", "runModel")}
    charts.install("helm", merged(values, identities))
    charts.install("helm", merged(values, {"operations": {"url": "s3://operations", "storageAccount": ""}}))


def test_a_secret_of_the_key_vault_is_no_variable_of_the_user(charts: Charts) -> None:
    values = merged(HELM_SCENARIOS["key-vault"], at("predict.extraEnv", [{"name": "DATABRICKS_TOKEN", "value": "a"}]))
    with pytest.raises(helm.HelmError, match="predict: extraEnv has DATABRICKS_TOKEN, which is set already"):
        charts.install("helm", values)


def test_no_variable_of_the_user_comes_from_the_secret_that_the_csi_driver_keeps(charts: Charts) -> None:
    key = {"secretKeyRef": {"name": f"{RELEASE}-predict-keyvault", "key": "host.function.default"}}
    values = merged(HELM_SCENARIOS["key-vault"], at("runModel.extraEnv", [{"name": "PREDICT_KEY", "valueFrom": key}]))
    with pytest.raises(helm.HelmError, match="run-model: PREDICT_KEY is from a Secret that is there only while a pod"):
        charts.install("helm", values)


def test_function_timeout_is_above_what_the_code_counts(charts: Charts) -> None:
    """A pod whose message may take longer never becomes ready; the chart has the same sum as the code."""
    limits = {"LOAD_TIMEOUT_S": 100, "PREDICT_TIMEOUT_S": 200, "SEND_TIMEOUT_S": 5}
    given = {name.lower(): value for name, value in limits.items()}
    bus = BusSettings.model_validate({"servicebus_connection": "x", **given})
    settings = RunModelSettings.model_validate({"mlflow_tracking_uri": "x", **given})
    runs = sum(run_model.time_limits(bus, settings).values())
    sends = {function: {"settings": {"SEND_TIMEOUT_S": 5}} for function in ("predict", "train")}
    others = (predict.time_limits(bus), predict.dead_letter_time_limits(bus), train.time_limits(bus))
    assert runs > max(sum(each.values()) for each in others)
    values = merged(
        REQUIRED, {**sends, "runModel": {"settings": limits}, "host": {"functionTimeoutSeconds": int(runs)}}
    )
    with pytest.raises(helm.HelmError, match=f"{runs:g} is not above {runs:g} s, which one message of run-model may"):
        charts.install("helm", values)
    charts.install("helm", merged(values, at("host.functionTimeoutSeconds", int(runs) + 1)))


@pytest.mark.parametrize("function", ["predict", "train"])
def test_function_timeout_is_above_what_the_code_counts_of_other_functions(charts: Charts, function: str) -> None:
    bus = BusSettings(servicebus_connection="x", send_timeout_s=200)
    counted = {
        "predict": (predict.time_limits(bus), predict.dead_letter_time_limits(bus)),
        "train": (train.time_limits(bus),),
    }
    longest = max(sum(each.values()) for each in counted[function])
    values = merged(REQUIRED, at(f"{function}.settings.SEND_TIMEOUT_S", 200))
    with pytest.raises(helm.HelmError, match=f"is not above {longest:g} s, which one message of {function} may"):
        charts.install("helm", merged(values, at("host.functionTimeoutSeconds", int(longest))))
    charts.install("helm", merged(values, at("host.functionTimeoutSeconds", int(longest) + 1)))


def test_function_timeout_is_above_what_a_pool_may_take(charts: Charts) -> None:
    values = merged(HELM_SCENARIOS["pools"], at("pools.legacy.settings", {"PREDICT_TIMEOUT_S": 300}))
    with pytest.raises(helm.HelmError, match=r"raise it, or lower these of pools\.legacy\.settings"):
        charts.install("helm", values)


@pytest.mark.parametrize("field", ["clientId", "databricksClientId"])
def test_a_pool_inherits_no_identity(charts: Charts, field: str) -> None:
    with pytest.raises(helm.HelmError, match=rf"pools\.legacy\.identity\.{field}: client id"):
        charts.install("helm", merged(HELM_SCENARIOS["pools"], at(f"pools.legacy.identity.{field}", "")))


@pytest.mark.parametrize("secret", [{"name": ""}, {"name": "bus", "key": "listen-send"}])
def test_keda_does_not_read_with_the_string_of_the_pods(charts: Charts, secret: dict[str, str]) -> None:
    with pytest.raises(helm.HelmError, match="a connection string with Manage, which is not the one of the pods"):
        charts.install("helm", merged(HELM_SCENARIOS["connection-string"], at("keda.connectionSecret", secret)))


def test_names_leave_room_for_what_keda_puts_before_them(charts: Charts) -> None:
    """Its webhook refuses a HorizontalPodAutoscaler `keda-hpa-…` of more than 63 characters."""
    fits, too_long = "n" * (54 - len("-run-model")), "n" * (55 - len("-run-model"))
    charts.install("helm", merged(REQUIRED, at("global.fullname", fits)))
    with pytest.raises(helm.HelmError, match="has more than 54 characters, and KEDA puts keda-hpa- before it"):
        charts.install("helm", merged(REQUIRED, at("global.fullname", too_long)))


def test_names_that_are_too_long_are_refused(charts: Charts) -> None:
    with pytest.raises(helm.HelmError, match="has more than 63 characters: shorten"):
        charts.install("helm", merged(REQUIRED, {"global": {"catalog": LONG_POOL}}))


@pytest.mark.parametrize(("path", "value", "said"), ALONE)
def test_keda_alone_refuses_the_same(charts: Charts, path: str, value: Any, said: str) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        charts.install("keda", merged(BUS, at(path, value)))
    assert said in str(refusal.value)
