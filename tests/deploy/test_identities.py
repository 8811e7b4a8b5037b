"""Who is trusted by deploy/: the service accounts that the chart makes, and no key of an account."""

import pytest
from pydantic import JsonValue

from tests.chart.charts import NAMESPACE, RELEASE, Charts
from tests.chart.scenarios import REQUIRED
from tests.deploy.bicep import files, unlooped

CALLER = {"predict": "predict", "train": "train", "run-model": "runModel"}


def at(tree: JsonValue, *keys: str) -> JsonValue:
    for key in keys:
        assert isinstance(tree, dict)
        tree = tree[key]
    return tree


def subject(module: str) -> str:
    return str(at(unlooped(files()["main.bicep"].modules[module]), "params", "subject"))


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """As Kubernetes names the chart's service accounts in their tokens."""
    release = Charts.copy_to(tmp_path_factory.mktemp("charts")).install("helm", REQUIRED)
    names = [account["metadata"]["name"] for account in release.of_kind("ServiceAccount").values()]
    return {f"system:serviceaccount:{NAMESPACE}:{name}" for name in names}


def test_identities_trust_the_service_accounts_of_the_chart(accounts: set[str]) -> None:
    names = {"${kubernetesNamespace}": NAMESPACE, "${releaseName}": RELEASE}
    trusted = {subject(module) for module in CALLER.values()}
    for parameter, value in names.items():
        trusted = {text.replace(parameter, value) for text in trusted}
    assert trusted == accounts


@pytest.mark.parametrize(("account", "module"), CALLER.items())
def test_each_identity_trusts_its_own_function(account: str, module: str) -> None:
    assert subject(module).endswith(f"${{releaseName}}-{account}")


def test_kedas_identity_trusts_its_operator() -> None:
    assert subject("keda") == "system:serviceaccount:${kedaNamespace}:${kedaServiceAccount}"


def test_a_token_is_for_the_exchange_alone() -> None:
    federation = at(unlooped(files()["modules/identity.bicep"].resources["federation"]), "properties")
    expected = {"issuer": "issuer", "subject": "subject", "audiences": ["api://AzureADTokenExchange"]}
    assert federation == expected


def test_no_key_opens_queues_or_store() -> None:
    namespace = unlooped(files()["modules/servicebus.bicep"].resources["namespace"])
    account = unlooped(files()["modules/operations.bicep"].resources["account"])
    assert at(namespace, "properties", "disableLocalAuth") is True
    assert at(account, "properties", "allowSharedKeyAccess") is False
    assert at(account, "properties", "allowBlobPublicAccess") is False


def test_operations_are_deleted_after_their_time() -> None:
    lifecycle = unlooped(files()["modules/operations.bicep"].resources["lifecycle"])
    rules = at(lifecycle, "properties", "policy", "rules")
    assert isinstance(rules, list)
    (rule,) = rules
    delete = at(rule, "definition", "actions", "baseBlob", "delete")
    assert delete == {"daysAfterModificationGreaterThan": "retentionDays"}
    assert at(rule, "definition", "filters", "prefixMatch") == ["${container.name}/"]
