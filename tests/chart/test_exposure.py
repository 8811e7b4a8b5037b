"""No way in but the API, no way out but what is needed."""

import pytest

from tests.chart.charts import Charts, Release
from tests.chart.conftest import Releases
from tests.chart.scenarios import REQUIRED, merged

ALLOWED_PATHS = {"/predict", "/models", "/openapi.json"}
SELECTOR = {"app.kubernetes.io/name": "mlflow-ondemand", "app.kubernetes.io/instance": "demo"}


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
        "networkPolicy": {"ingressFrom": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        "ingress": {"enabled": True, "hosts": ["predict.example.com"]},
    }
    release = charts.install("helm", merged(REQUIRED, plain))
    assert release.of_kind("Service")["predict"]["spec"]["type"] == "LoadBalancer"
    assert "tls" not in release.of_kind("Ingress")["predict"]["spec"]


def destinations(release: Release, component: str) -> dict[str, set[int]]:
    """The ports that a component may reach, by address; by namespace where it is in the cluster."""
    found: dict[str, set[int]] = {}
    for rule in release.of_kind("NetworkPolicy")[f"{component}-egress"]["spec"]["egress"]:
        for peer in rule["to"]:
            name = peer["ipBlock"]["cidr"] if "ipBlock" in peer else str(peer["namespaceSelector"])
            found.setdefault(name, set()).update(port["port"] for port in rule["ports"])
    return found


ADDRESSES = {
    "serviceBus": "10.0.0.1/32",
    "storage": "10.0.0.2/32",
    "databricks": "10.0.0.3/32",
    "mlflow": "10.0.0.4/32",
}
ENTRA = {"0.0.0.0/0": {443}}
BUS, STORE, WORKSPACE, MLFLOW = (
    {"10.0.0.1/32": {443, 5671}},
    {"10.0.0.2/32": {443}},
    {"10.0.0.3/32": {443}},
    {"10.0.0.4/32": {443}},
)


@pytest.mark.parametrize(
    ("uri", "models"), [("databricks", WORKSPACE), ("https://mlflow.example.com", MLFLOW)], ids=["databricks", "mlflow"]
)
def test_each_component_reaches_its_own_destinations(charts: Charts, uri: str, models: dict[str, set[int]]) -> None:
    egress = {destination: [address] for destination, address in ADDRESSES.items()}
    values = {"networkPolicy": {"egress": egress}, "mlflow": {"trackingUri": uri}}
    release = charts.install("helm", merged(REQUIRED, values))
    assert destinations(release, "predict") == BUS | STORE | models | ENTRA
    assert destinations(release, "run-model") == BUS | STORE | models | ENTRA
    assert destinations(release, "train") == BUS | STORE | WORKSPACE | ENTRA


def test_all_is_denied_but_dns(releases: Releases) -> None:
    policies = releases("default").of_kind("NetworkPolicy")
    everything = policies["all"]["spec"]
    assert everything["policyTypes"] == ["Ingress", "Egress"]
    assert everything["ingress"] == []
    assert set(everything["podSelector"]["matchLabels"]) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    assert {port["port"] for rule in everything["egress"] for port in rule["ports"]} == {53}
    assert {port["port"] for rule in policies["predict"]["spec"]["ingress"] for port in rule["ports"]} == {8080}


def test_every_component_has_its_egress_policy(releases: Releases) -> None:
    release = releases("pools")
    policies = release.of_kind("NetworkPolicy")
    for name, deployment in release.of_kind("Deployment").items():
        selector = policies[f"{name}-egress"]["spec"]["podSelector"]["matchLabels"]
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
        assert selector["app.kubernetes.io/component"] == name


def test_the_nodes_metadata_service_is_out_of_reach(releases: Releases) -> None:
    for name, policy in releases("pools").of_kind("NetworkPolicy").items():
        if name.endswith("-egress"):
            blocks = [peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer]
            assert blocks
            assert all(block["except"] == ["169.254.169.254/32"] for block in blocks if block["cidr"] == "0.0.0.0/0")


def callers(release: Release, policy: str = "predict") -> list[object]:
    peers: list[object] = release.of_kind("NetworkPolicy")[policy]["spec"]["ingress"][0]["from"]
    return peers


def test_only_named_namespaces_call_predict(releases: Releases) -> None:
    (test,) = callers(releases("default"))
    assert test == {"podSelector": {"matchLabels": {**SELECTOR, "app.kubernetes.io/component": "test"}}}
    key = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ingress-nginx"]}
    assert callers(releases("ingress")) == [{"namespaceSelector": {"matchExpressions": [key]}}, test]


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
    peers = callers(releases("everything"), "mlflow-predict")
    assert {"ipBlock": {"cidr": "10.0.0.0/16"}} in peers
    assert {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}} in peers


@pytest.mark.parametrize(
    ("endpoint", "where", "port"),
    [
        ("http://collector.monitoring:4317", {"kubernetes.io/metadata.name": "monitoring"}, 4317),
        ("http://collector.monitoring.svc.cluster.local", {"kubernetes.io/metadata.name": "monitoring"}, 80),
        ("http://collector1", {"kubernetes.io/metadata.name": "ondemand"}, 80),
        ("https://otel.example.com", None, 443),
        ("http://10.0.0.9:4318", None, 4318),
        ("http://[fd00::9]:4318", None, 4318),
    ],
)
def test_the_collector_is_reached_where_it_is(
    charts: Charts, endpoint: str, where: dict[str, str] | None, port: int
) -> None:
    values = {
        "telemetry": {"openTelemetry": {"enabled": True, "endpoint": endpoint}},
        "networkPolicy": {"egress": {"telemetry": ["10.0.0.9/32"]}},
    }
    release = charts.install("helm", merged(REQUIRED, values))
    peer = "10.0.0.9/32" if where is None else str({"matchLabels": where})
    for component in ("predict", "train", "run-model"):
        assert destinations(release, component)[peer] == {port}


def test_nothing_is_taken_out_of_a_network_of_the_other_kind(charts: Charts) -> None:
    """The API server refuses an exception outside of its network."""
    policy = {"egressCidrs": ["0.0.0.0/0", "::/0"], "egressExcept": ["169.254.169.254/32", "fd00:ec2::254/128"]}
    release = charts.install("helm", merged(REQUIRED, {"networkPolicy": policy}))
    (rule, *_) = release.of_kind("NetworkPolicy")["train-egress"]["spec"]["egress"]
    assert [peer["ipBlock"] for peer in rule["to"]] == [
        {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]},
        {"cidr": "::/0", "except": ["fd00:ec2::254/128"]},
    ]


def test_more_egress_is_for_every_component(releases: Releases) -> None:
    for component in ("mlflow-predict", "mlflow-train", "mlflow-run-model"):
        reached = destinations(releases("everything"), component)
        assert {4318, 5000} <= {port for ports in reached.values() for port in ports}
