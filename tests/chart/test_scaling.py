"""KEDA scales what is there, by the queues there are, with triggers it understands."""

import json
import re
from typing import Any

import pytest

from functions.catalog import load_catalog
from functions.queues import FAILED, RESULTS, TRAIN
from tests.chart.charts import RELEASE, ROOT, Charts, Manifest, Release, environment, pods
from tests.chart.conftest import Releases
from tests.chart.scenarios import HELM_SCENARIOS, REQUIRED, merged

METADATA = {
    "azure-servicebus": {"queueName", "messageCount", "activationMessageCount", "namespace", "cloud"},
    "cpu": {"value"},
    "external-push": {"scalerAddress", "interceptorRoute"},
}
"""KEDA ignores a key it does not know, silently: these are the ones of the scalers' references that the chart uses."""
HOST = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
DECLARED = {
    queue["Name"]
    for queue in json.loads((ROOT / "ondemand/servicebus.json").read_text(encoding="utf-8"))["UserConfig"][
        "Namespaces"
    ][0]["Queues"]
}


def scaled_objects(release: Release) -> dict[str, Manifest]:
    return release.of_kind("ScaledObject")


def triggers(release: Release, kind: str) -> list[dict[str, Any]]:
    found = [trigger for scaled in scaled_objects(release).values() for trigger in scaled["spec"]["triggers"]]
    return [trigger for trigger in found if trigger["type"] == kind]


def test_triggers_have_keys_that_keda_knows(release: Release) -> None:
    for scaled in scaled_objects(release).values():
        names = [trigger["name"] for trigger in scaled["spec"]["triggers"]]
        assert len(names) == len(set(names))
        for trigger in scaled["spec"]["triggers"]:
            assert set(trigger["metadata"]) <= METADATA[trigger["type"]]
            assert all(isinstance(value, str) and value for value in trigger["metadata"].values())


def test_queue_triggers_say_what_keda_needs(release: Release) -> None:
    """KEDA takes `messageCount: "0"` and divides by it."""
    authentications = release.of_kind("TriggerAuthentication")
    for trigger in triggers(release, "azure-servicebus"):
        metadata = trigger["metadata"]
        authentication = authentications[trigger["authenticationRef"]["name"].removeprefix(f"{RELEASE}-")]["spec"]
        assert int(metadata["messageCount"]) >= 1
        assert int(metadata["activationMessageCount"]) >= 0
        assert ("namespace" in metadata) == (authentication.get("podIdentity", {}).get("provider") == "azure-workload")
        assert ("namespace" in metadata) != ("secretTargetRef" in authentication)


def test_a_fallback_is_not_decided_by_cached_metrics(release: Release) -> None:
    """Each sync would read the fallback's own value from the cache, and clear the count of failures."""
    for scaled in scaled_objects(release).values():
        spec = scaled["spec"]
        assert "fallback" not in spec or not any(trigger["useCachedMetrics"] for trigger in spec["triggers"])


@pytest.mark.parametrize("scenario", ["default", "http-add-on"])
def test_periods_are_there_only_where_they_count(releases: Releases, scenario: str) -> None:
    """KEDA's webhook warns of the others."""
    for name, scaled in scaled_objects(releases(scenario)).items():
        from_zero = name != "predict" or scenario == "http-add-on"
        periods = {"pollingInterval", "cooldownPeriod", "initialCooldownPeriod"} & set(scaled["spec"])
        assert periods == ({"pollingInterval", "cooldownPeriod", "initialCooldownPeriod"} if from_zero else set())


def test_polls_count_above_zero_where_their_metrics_are_cached(charts: Charts) -> None:
    train = {"minReplicas": 1, "useCachedMetrics": True}
    release = charts.install("helm", merged(REQUIRED, {"keda": {"train": train, "runModel": {"minReplicas": 1}}}))
    specs = {name: scaled["spec"] for name, scaled in scaled_objects(release).items()}
    assert "pollingInterval" in specs["train"]
    assert "pollingInterval" not in specs["run-model"]
    assert not {"cooldownPeriod", "initialCooldownPeriod"} & set(specs["train"])


def test_what_runs_when_keda_comes_has_a_cooldown_too(release: Release) -> None:
    """Without an initial one, KEDA ends at its first poll what never had a message."""
    for scaled in scaled_objects(release).values():
        spec = scaled["spec"]
        assert spec.get("initialCooldownPeriod") == spec.get("cooldownPeriod")


def test_bounds_are_in_order(release: Release) -> None:
    """KEDA's own rule (CEL) that no schema validator evaluates."""
    for scaled in scaled_objects(release).values():
        spec = scaled["spec"]
        assert 0 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]
        only_cpu = {trigger["type"] for trigger in spec["triggers"]} == {"cpu"}
        assert spec["minReplicaCount"] > 0 or not only_cpu, "CPU cannot wake what does not run"
        assert "fallback" not in spec or not only_cpu, "KEDA refuses a fallback for CPU alone"


def test_a_replica_is_not_given_more_than_it_takes_at_once(release: Release) -> None:
    most = HOST["extensions"]["serviceBus"]["maxConcurrentCalls"]
    for trigger in triggers(release, "azure-servicebus"):
        if trigger["metadata"]["queueName"] != RESULTS:
            assert int(trigger["metadata"]["messageCount"]) <= most


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_targets_exist_and_have_one_scaler(releases: Releases, scenario: str) -> None:
    release = releases(scenario)
    deployments = release.of_kind("Deployment")
    by_keda = {scaled["spec"]["scaleTargetRef"]["name"] for scaled in scaled_objects(release).values()}
    by_hpa = {hpa["spec"]["scaleTargetRef"]["name"] for hpa in release.of_kind("HorizontalPodAutoscaler").values()}
    assert by_keda & by_hpa == set()
    names = {deployment["metadata"]["name"]: deployment["spec"] for deployment in deployments.values()}
    assert by_keda | by_hpa == set(names), "in these scenarios everything is scaled by one of them"
    assert [name for name, spec in names.items() if "replicas" in spec] == [], "an upgrade would undo the scaling"


def test_replicas_are_set_where_nothing_scales(charts: Charts) -> None:
    release = charts.install("helm", merged(REQUIRED, {"keda": {"enabled": False}}))
    replicas = {name: spec["spec"]["replicas"] for name, spec in release.of_kind("Deployment").items()}
    assert replicas == {"predict": 2, "train": 1, "run-model": 1}


@pytest.mark.parametrize("scenario", HELM_SCENARIOS)
def test_cpu_triggers_have_a_request_to_be_a_share_of(releases: Releases, scenario: str) -> None:
    release = releases(scenario)
    for name in (*scaled_objects(release), *release.of_kind("HorizontalPodAutoscaler")):
        (container,) = pods(release.manifests)[name]["containers"]
        assert container["resources"]["requests"]["cpu"]


@pytest.mark.parametrize("scenario", ["default", "pools"])
def test_each_queue_is_scaled_where_it_is_read(releases: Releases, scenario: str) -> None:
    release = releases(scenario)
    deployments = pods(release.manifests)
    for name, scaled in scaled_objects(release).items():
        queues = {trigger["metadata"].get("queueName") for trigger in scaled["spec"]["triggers"]} - {None}
        if name == "predict":
            assert queues == set()
        elif name == TRAIN:
            assert queues == {TRAIN}
        else:
            assert queues == {environment(deployments[name])["RUN_MODEL_QUEUE"]}


def test_queues_are_the_declared_ones(releases: Releases) -> None:
    """Chart, code, local broker and Azure: deploy/ takes its queues from ondemand/servicebus.json."""
    scaled = {trigger["metadata"]["queueName"] for trigger in triggers(releases("http-add-on"), "azure-servicebus")}
    assert scaled == {TRAIN, RESULTS, *load_catalog(ROOT / "models.yaml").run_model_queues}
    assert scaled | {FAILED} == DECLARED


def test_azure_makes_the_queues_of_the_same_file() -> None:
    bicep = (ROOT / "deploy/modules/servicebus.bicep").read_text(encoding="utf-8")
    assert "loadJsonContent('../../ondemand/servicebus.json'" in bicep
    access = bicep.split("var access = {\n", 1)[1].split("\n}\n", 1)[0]
    assert set(re.findall(r"^  '?([\w-]+)'?: \{$", access, re.MULTILINE)) == DECLARED


def test_orphaned_replies_wake_a_predict_that_is_scaled_to_zero(releases: Releases) -> None:
    predict = scaled_objects(releases("http-add-on"))["predict"]["spec"]
    assert predict["minReplicaCount"] == 0
    assert {trigger["type"] for trigger in predict["triggers"]} == {"cpu", "external-push", "azure-servicebus"}


def test_the_interceptor_leads_to_the_service(releases: Releases) -> None:
    release = releases("http-add-on")
    target = release.of_kind("InterceptorRoute")["predict"]["spec"]["target"]
    service = release.of_kind("Service")["predict"]
    assert target["service"] == service["metadata"]["name"]
    assert target["portName"] in {port["name"] for port in service["spec"]["ports"]}


def test_both_charts_scale_alike(releases: Releases) -> None:
    """`keda/` alone renders what it renders as a dependency."""
    alone, within = releases("default", "keda"), releases("default")
    assert {name: scaled["spec"] for name, scaled in scaled_objects(alone).items()} == {
        name: scaled["spec"] for name, scaled in scaled_objects(within).items()
    }


def test_alone_it_scales_another_release(releases: Releases) -> None:
    targets = {
        scaled["spec"]["scaleTargetRef"]["name"]
        for scaled in scaled_objects(releases("for another release", "keda")).values()
    }
    assert targets == {"serving-predict", "serving-train", "serving-run-model"}
