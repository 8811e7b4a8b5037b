"""No way in but the API, no way out but what is needed."""

import pytest

from tests.chart.charts import Charts, Release
from tests.chart.conftest import Releases
from tests.chart.scenarios import REQUIRED, merged

ALLOWED_PATHS = {"/predict", "/models", "/openapi.json"}


def routed(release: Release) -> set[str]:
    paths = set()
    for ingress in release.of_kind("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            paths |= {path["path"] for path in rule["http"]["paths"]}
    for route in release.of_kind("HTTPRoute").values():
        for rule in route["spec"]["rules"]:
            paths |= {match["path"]["value"] for match in rule["matches"]}
    for route in release.of_kind("InterceptorRoute").values():
        for rule in route["spec"]["rules"]:
            paths |= {path["value"] for path in rule["paths"]}
    return paths


@pytest.mark.parametrize("scenario", ["ingress", "gateway", "http-add-on", "everything"])
def test_the_hosts_administration_is_not_exposed(releases: Releases, scenario: str) -> None:
    assert routed(releases(scenario)) == ALLOWED_PATHS


@pytest.mark.parametrize("scenario", ["http-add-on", "everything"])
def test_the_interceptor_routes_every_path_of_the_api_and_no_other(releases: Releases, scenario: str) -> None:
    (route,) = releases(scenario).of_kind("InterceptorRoute").values()
    (rule,) = route["spec"]["rules"]
    assert {path["value"] for path in rule["paths"]} == ALLOWED_PATHS


def test_nothing_is_exposed_unless_asked_for(releases: Releases) -> None:
    assert routed(releases("default")) == set()
    assert releases("default").of_kind("Service")["predict"]["spec"]["type"] == "ClusterIP"


def test_plain_http_takes_one_word(charts: Charts) -> None:
    plain = {
        "allowPlainHttp": True,
        "service": {"type": "LoadBalancer"},
        "ingress": {"enabled": True, "hosts": ["predict.example.com"]},
    }
    release = charts.install("helm", merged(REQUIRED, plain))
    assert release.of_kind("Service")["predict"]["spec"]["type"] == "LoadBalancer"
    assert "tls" not in release.of_kind("Ingress")["predict"]["spec"]


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


def test_dns_is_reached_in_the_cluster_and_on_the_node(releases: Releases) -> None:
    (dns, *_) = releases("default").of_kind("NetworkPolicy")["all"]["spec"]["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    cluster, node = dns["to"]
    assert cluster["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert node["ipBlock"] == {"cidr": "169.254.0.0/16", "except": ["169.254.169.254/32"]}


def test_the_interceptor_may_call_predict_whoever_else_may(releases: Releases) -> None:
    policies = releases("everything").of_kind("NetworkPolicy")
    callers = policies["mlflow-predict"]["spec"]["ingress"][0]["from"]
    assert {"ipBlock": {"cidr": "10.0.0.0/16"}} in callers
    assert {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}} in callers


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("http://collector:4317", 4317), ("https://otel.example.com", 443), ("http://collector1", 80)],
)
def test_the_port_of_the_collector_is_its_schemes_if_none_is_given(charts: Charts, endpoint: str, port: int) -> None:
    values = {"telemetry": {"openTelemetry": {"enabled": True, "endpoint": endpoint}}}
    rules = charts.install("helm", merged(REQUIRED, values)).of_kind("NetworkPolicy")["all"]["spec"]["egress"]
    assert [{"port": port, "protocol": "TCP"}] in [rule["ports"] for rule in rules if "to" not in rule]


def test_the_collectors_port_is_open(releases: Releases) -> None:
    rules = releases("everything").of_kind("NetworkPolicy")["mlflow-all"]["spec"]["egress"]
    assert {4318, 5000} <= {port["port"] for rule in rules for port in rule["ports"]}
