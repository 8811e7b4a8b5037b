"""No way in but the API, no way out but what is needed."""

import pytest

from tests.chart.charts import Release
from tests.chart.conftest import Releases

ALLOWED_PATHS = {"/predict", "/models", "/openapi.json"}


def routed(release: Release) -> set[str]:
    paths = set()
    for ingress in release.of_kind("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            paths |= {path["path"] for path in rule["http"]["paths"]}
    for route in release.of_kind("HTTPRoute").values():
        for rule in route["spec"]["rules"]:
            paths |= {match["path"]["value"] for match in rule["matches"]}
    return paths


@pytest.mark.parametrize("scenario", ["ingress", "gateway", "http-add-on", "everything"])
def test_the_hosts_administration_is_not_exposed(releases: Releases, scenario: str) -> None:
    assert routed(releases(scenario)) == ALLOWED_PATHS


def test_nothing_is_exposed_unless_asked_for(releases: Releases) -> None:
    assert routed(releases("default")) == set()
    assert releases("default").of_kind("Service")["predict"]["spec"]["type"] == "ClusterIP"


def test_all_is_denied_but_what_is_needed(releases: Releases) -> None:
    policies = releases("default").of_kind("NetworkPolicy")
    everything = policies["all"]["spec"]
    assert everything["policyTypes"] == ["Ingress", "Egress"]
    assert everything["ingress"] == []
    assert set(everything["podSelector"]["matchLabels"]) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    ports = {port["port"] for rule in everything["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 5671}
    assert {port["port"] for rule in policies["predict"]["spec"]["ingress"] for port in rule["ports"]} == {8080}


def test_the_policy_selects_every_pod_of_the_release(releases: Releases) -> None:
    release = releases("everything")
    selector = release.of_kind("NetworkPolicy")["mlflow-all"]["spec"]["podSelector"]["matchLabels"]
    templates = [deployment["spec"]["template"] for deployment in release.of_kind("Deployment").values()]
    for labelled in (*templates, *release.of_kind("Pod").values()):
        assert selector.items() <= labelled["metadata"]["labels"].items()


def test_the_collectors_port_is_open(releases: Releases) -> None:
    rules = releases("everything").of_kind("NetworkPolicy")["mlflow-all"]["spec"]["egress"]
    assert {4318, 5000} <= {port["port"] for rule in rules for port in rule["ports"]}
