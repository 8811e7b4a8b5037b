"""docs/kubernetes.md names values that there are, and its example is one that installs."""

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
KEYS_OF_THE_HOST = ("host.master", "host.function")
NAMED = sorted(
    name
    for name in set(re.findall(r"`([a-z]\w*(?:\.\w+)+)", TEXT))
    if name.split(".")[0] in VALUES and not name.startswith(KEYS_OF_THE_HOST)
)


def test_the_document_names_values() -> None:
    assert len(NAMED) > 15


@pytest.mark.parametrize("name", NAMED)
def test_named_values_exist(name: str) -> None:
    value: Any = VALUES
    for key in name.split("."):
        assert key in value
        value = value[key]


def test_the_example_of_a_pool_installs(charts: Charts) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    values = merged(merged(REQUIRED, {"global": {"catalog": GPU_CATALOG}}), yaml.safe_load(example))
    release = charts.install("helm", values)
    (container,) = pods(release.manifests)["run-model-gpu"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert release.of_kind("ScaledObject")["run-model-gpu"]["spec"]["cooldownPeriod"] == 900
