"""What the charts say of themselves."""

import re
from typing import Any

import pytest
import yaml

from tests.chart.charts import NAMES, ROOT, Charts
from tests.chart.conftest import Releases
from tests.chart.readme import current, documented
from tests.chart.scenarios import REQUIRED, merged


@pytest.mark.parametrize("chart", NAMES)
def test_the_readme_is_the_values(chart: str) -> None:
    said = (ROOT / chart / "README.md").read_text(encoding="utf-8")
    assert said == current(chart), "run `make charts`"


def test_a_value_without_a_comment_is_found() -> None:
    with pytest.raises(ValueError, match="line 3: b is not documented"):
        list(documented("# -- Why.\na: 1\nb: 2\n"))


def test_a_comment_ends_where_the_values_above_do() -> None:
    (value,) = documented("# A heading.\na:\n  # -- First\n  # line.\n  b: {c: 1}\n")
    assert (value.path, value.default, value.description) == ("a.b", {"c": 1}, "First line.")


def test_the_shared_values_are_documented_alike() -> None:
    helm, keda = (yaml.safe_load((ROOT / name / "values.yaml").read_text(encoding="utf-8"))["global"] for name in NAMES)
    assert helm == keda


def test_the_example_of_the_readme_installs(charts: Charts) -> None:
    text = (ROOT / "helm/README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert charts.install("helm", yaml.safe_load(example)).of_kind("Deployment")


OWN_RULE = {"to": [{"namespaceSelector": {}}], "ports": [{"port": 5000, "protocol": "TCP"}]}


@pytest.mark.parametrize(
    ("address", "policy", "blocked"),
    [
        ("http://mlflow.example.com:5000", {}, "5000"),
        ("http://mlflow.example.com", {}, "80"),
        ("https://user@mlflow.example.com:8443/path", {}, "8443"),
        ("https://mlflow.example.com", {}, None),
        ("https://mlflow.example.com:443", {}, None),
        ("databricks", {}, None),
        ("http://mlflow.example.com:5000", {"extraEgress": [OWN_RULE]}, None),
        ("http://mlflow.example.com:5000", {"extraEgress": [{"to": [{"podSelector": {}}]}]}, None),  # all ports
        ("http://mlflow.example.com:5001", {"extraEgress": [OWN_RULE]}, "5001"),
        ("http://mlflow.example.com:5000", {"enabled": False}, None),
    ],
)
def test_the_notes_say_that_the_policy_blocks_mlflow(
    charts: Charts, address: str, policy: dict[str, Any], blocked: str | None
) -> None:
    values = merged(REQUIRED, {"mlflow": {"trackingUri": address}, "networkPolicy": policy})
    notes = charts.install("helm", values).notes
    assert ("networkPolicy.extraEgress" in notes) == (blocked is not None)
    assert f"port {blocked} of mlflow.trackingUri" in notes or blocked is None


@pytest.mark.parametrize(
    ("scenario", "url"),
    [
        ("default", "port-forward service/demo-predict 8080:80"),
        ("ingress", "url=https://predict.example.com"),
        ("gateway", "url=https://predict.example.com"),
    ],
)
def test_the_notes_say_how_to_ask(releases: Releases, scenario: str, url: str) -> None:
    notes = releases(scenario).notes
    assert url in notes
    assert "curl -si $url/predict" in notes
    assert "get secret function-keys" in notes
    assert "helm test demo --namespace ondemand" in notes
