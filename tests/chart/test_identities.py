"""Who a pod is: for Azure, for KEDA, for Databricks."""

from tests.chart.charts import Charts, environment, mount_path, pods
from tests.chart.conftest import Releases
from tests.chart.scenarios import (
    DATABRICKS_ID,
    GPU_ID,
    LEGACY_ID,
    POOL_DATABRICKS_ID,
    POOLS,
    PREDICT_ID,
    REQUIRED,
    RUN_MODEL_ID,
    TRAIN_ID,
    merged,
)


def test_each_function_has_an_identity_of_its_own(releases: Releases) -> None:
    release = releases("workload-identity")
    accounts = {
        name: account["metadata"]["annotations"]["azure.workload.identity/client-id"]
        for name, account in release.of_kind("ServiceAccount").items()
    }
    assert accounts == {"predict": PREDICT_ID, "train": TRAIN_ID, "run-model": RUN_MODEL_ID}
    for name, deployment in release.of_kind("Deployment").items():
        template = deployment["spec"]["template"]
        assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
        assert template["spec"]["serviceAccountName"] == deployment["metadata"]["name"]
        assert environment(template["spec"])["SERVICEBUS_CONNECTION__clientId"] == accounts[name]
    keda = release.of_kind("TriggerAuthentication")["servicebus"]["spec"]["podIdentity"]
    assert (keda["provider"], keda["identityId"]) == ("azure-workload", DATABRICKS_ID)


def test_a_pool_has_an_identity_of_its_own(releases: Releases) -> None:
    release = releases("pools")
    for name, client_id in (
        ("run-model", RUN_MODEL_ID),
        ("run-model-legacy", LEGACY_ID),
        ("run-model-gpu-a100", GPU_ID),
    ):
        pod = pods(release.manifests)[name]
        account = release.of_kind("ServiceAccount")[name]
        assert pod["serviceAccountName"] == account["metadata"]["name"]
        assert account["metadata"]["annotations"]["azure.workload.identity/client-id"] == client_id
        assert environment(pod)["SERVICEBUS_CONNECTION__clientId"] == client_id
    assert environment(pods(release.manifests)["run-model"])["DATABRICKS_CLIENT_ID"] == DATABRICKS_ID
    assert environment(pods(release.manifests)["run-model-legacy"])["DATABRICKS_CLIENT_ID"] == POOL_DATABRICKS_ID


def test_a_pool_reads_the_key_vault_as_itself(releases: Releases) -> None:
    classes = releases("pools-key-vault").of_kind("SecretProviderClass")
    clients = {name: provider["spec"]["parameters"]["clientID"] for name, provider in classes.items()}
    assert clients["run-model-legacy-keyvault"] == LEGACY_ID
    assert clients["run-model-keyvault"] == RUN_MODEL_ID


def test_pools_share_no_folder_of_a_shared_volume(charts: Charts) -> None:
    values = merged(merged(REQUIRED, POOLS), {"runModel": {"modelCache": {"existingClaim": "models"}}})
    specs = pods(charts.install("helm", values).manifests)
    runners = [name for name in specs if name.startswith("run-model")]
    folders = {
        mount["subPath"]
        for name in runners
        for mount in specs[name]["containers"][0]["volumeMounts"]
        if mount["name"] == "models"
    }
    assert folders == set(runners)


def test_databricks_trusts_a_token_of_the_service_account(releases: Releases) -> None:
    """databricks-sdk reads it where it is mounted; Kubernetes gives none for less than ten minutes."""
    specs = pods(releases("default").manifests)
    for function in ("train", "run-model"):
        (volume,) = (volume for volume in specs[function]["volumes"] if volume["name"] == "databricks-token")
        (source,) = volume["projected"]["sources"]
        token = source["serviceAccountToken"]
        assert token["audience"] == "databricks-account"
        assert 600 <= token["expirationSeconds"] <= 86400
        path = environment(specs[function])["DATABRICKS_OIDC_TOKEN_FILEPATH"]
        assert path == f"{mount_path(specs[function], 'databricks-token')}/{token['path']}"
    assert "databricks-token" not in {volume["name"] for volume in specs["predict"]["volumes"]}
