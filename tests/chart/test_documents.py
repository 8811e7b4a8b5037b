"""The operators' documents name values that there are; the example of docs/kubernetes.md is one that installs."""

import re
from typing import Any

import pytest
import yaml

from tests.chart.charts import ROOT, Charts, Values, pods
from tests.chart.scenarios import REQUIRED, merged

TEXT = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
GPU_CATALOG = """\
models:
  images: {experiment: /e/images, notebook: /n/images, parameters: {}, cluster: {serverless: true}, pool: gpu}
"""


def values_of(chart: str) -> Values:
    values: Values = yaml.safe_load((ROOT / chart / "values.yaml").read_text(encoding="utf-8"))
    return values


VALUES = values_of("helm") | {"keda": values_of("keda")}
NO_VALUES = re.compile(r"host\.(?:master|function|json)|databricks\.sdk|mlflow\.(?!trackingUri)|\w+\.py$")
"""Keys of the host, files and modules, which look like values."""
SET = re.compile(r"--set(?:-file|-string)? ([a-z][\w.]*)=")
"""Values on the command line of helm, which reads them with a cluster only."""
DOCUMENTS = (
    "README.md",
    "SECURITY.md",
    "deploy/README.md",
    *(f"docs/{name}.md" for name in ("azure", "costs", "dead-letters", "kubernetes", "observability", "operations")),
    *(f"docs/{name}.md" for name in ("reliability", "runbook", "scaling")),
)


def named(document: str) -> list[str]:
    names = set(re.findall(r"`([a-z]\w*(?:\.\w+)+)", (ROOT / document).read_text(encoding="utf-8")))
    known = {name for name in names if name.split(".")[0] in VALUES and not NO_VALUES.match(name)}
    return sorted(known | set(SET.findall((ROOT / document).read_text(encoding="utf-8"))))


NAMED = sorted({(document, name) for document in DOCUMENTS for name in named(document)})


def test_the_documents_name_values() -> None:
    assert len(named("docs/kubernetes.md")) > 15
    assert len({document for document, _ in NAMED}) > 5


@pytest.mark.parametrize(("document", "name"), NAMED)
def test_named_values_exist(document: str, name: str) -> None:
    value: Any = VALUES
    for key in name.split("."):
        assert key in value, document
        value = value[key]


def test_the_way_down_is_that_of_the_defaults() -> None:
    """docs/scaling.md: how many replicas of run-model go one by one before the cooldown ends the others."""
    run_model = VALUES["keda"]["runModel"]
    down = run_model["behavior"]["scaleDown"]
    window, period = down["stabilizationWindowSeconds"], down["policies"][0]["periodSeconds"]
    cooldown = run_model["cooldownPeriod"]
    most = 1 + (cooldown - window) // period
    left = run_model["maxReplicas"] - most
    text = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    assert (
        f"{window} s + {period} s for each replica but the last: {window + (most - 1) * period:,} s for {most}" in text
    )
    assert (
        f"{cooldown:,} s | one replica goes, if there were {most} or fewer; from 20, the last {left} go at once" in text
    )


def test_the_example_of_a_pool_installs(charts: Charts) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    values = merged(merged(REQUIRED, {"global": {"catalog": GPU_CATALOG}}), yaml.safe_load(example))
    release = charts.install("helm", values)
    (container,) = pods(release.manifests)["run-model-gpu"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert release.of_kind("ScaledObject")["run-model-gpu"]["spec"]["cooldownPeriod"] == 900
