"""Who a pod is: for Azure, for KEDA, for Databricks."""

from tests.chart.charts import environment, mount_path, pods
from tests.chart.conftest import Releases
from tests.chart.scenarios import DATABRICKS_ID, PREDICT_ID, RUN_MODEL_ID, TRAIN_ID


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


def test_pools_share_the_identity_of_their_function(releases: Releases) -> None:
    specs = pods(releases("pools").manifests)
    assert {specs[name]["serviceAccountName"] for name in specs if name.startswith("run-model")} == {"demo-run-model"}


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
