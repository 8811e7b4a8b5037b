"""Every manifest of every scenario is one that a cluster takes."""

import copy
import re
from collections import Counter
from functools import cache
from typing import Any

import helm_python as helm
import pytest
import yaml
from jsonschema import ValidationError
from yamllint import linter
from yamllint.config import YamlLintConfig

from tests.chart.charts import NAMES, ROOT, Charts, Manifest, Release
from tests.chart.conftest import Releases
from tests.chart.scenarios import CASES, SCENARIOS
from tests.chart.schemas import KUBERNETES, validate

DUPLICATES = YamlLintConfig("rules: {key-duplicates: enable}")
HOUSE = YamlLintConfig(
    "extends: relaxed\nrules: {line-length: disable, key-duplicates: enable, indentation: {spaces: 2}}"
)


@pytest.mark.parametrize(("chart", "scenario"), CASES)
@pytest.mark.parametrize("version", KUBERNETES)
def test_lint_has_nothing_to_say(charts: Charts, chart: str, scenario: str, version: str) -> None:
    values = SCENARIOS[chart][scenario]
    report = helm.lint(charts.folder / chart, values, strict=True, with_subcharts=True, kube_version=f"v{version}.0")
    said = [message["error"] for message in report["messages"] if message["error"] != "icon is recommended"]
    assert (said, report["errors"]) == ([], [])


def test_manifests_are_valid(release: Release) -> None:
    assert release.manifests
    for manifest in release.manifests:
        validate(manifest)


@cache
def twice(document: str) -> list[str]:
    """What yamllint says of its keys. Most documents are the same in most scenarios."""
    return [str(problem) for problem in linter.run(document, DUPLICATES)]


def test_no_key_is_there_twice(release: Release) -> None:
    assert [problem for document in release.text.split("\n---\n") for problem in twice(document)] == []


def test_a_key_that_is_there_twice_is_found() -> None:
    assert len(twice("a: 1\nb: 2\na: 3\n")) == 1


@pytest.mark.parametrize("path", [f"{name}/{file}" for name in NAMES for file in ("Chart.yaml", "values.yaml")])
def test_chart_files_are_clean(path: str) -> None:
    assert [str(problem) for problem in linter.run((ROOT / path).read_text(encoding="utf-8"), HOUSE)] == []


def test_no_object_is_there_twice(release: Release) -> None:
    names = Counter((manifest["kind"], manifest["metadata"]["name"]) for manifest in release.manifests)
    assert max(names.values()) == 1


def test_all_objects_carry_the_release(release: Release) -> None:
    for manifest in release.manifests:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "demo"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_nothing_is_left_unrendered(release: Release) -> None:
    assert not re.search(r"<no value>|%!|\{\{|e\+[0-9]{2}\b", release.text)


def _unknown_field(manifest: Manifest) -> None:
    manifest["spec"]["typo"] = 1


def _wrong_type(manifest: Manifest) -> None:
    spec: dict[str, Any] = manifest["spec"]
    for name, value in spec.items():
        spec[name] = [] if isinstance(value, dict) else {}
        return


@pytest.mark.parametrize("break_it", [_unknown_field, _wrong_type])
@pytest.mark.parametrize("scenario", ["key-vault", "http-add-on", "hpa"])
def test_the_validator_refuses_what_is_wrong(releases: Releases, scenario: str, break_it: Any) -> None:
    """Each kind once: a validator that takes everything would make the test above worthless."""
    kinds = {manifest["kind"]: manifest for manifest in releases(scenario).manifests if "spec" in manifest}
    for manifest in kinds.values():
        broken = copy.deepcopy(manifest)
        break_it(broken)
        with pytest.raises(ValidationError):
            validate(broken)


def test_a_misspelt_field_in_a_template_is_found(charts: Charts, tmp_path_factory: pytest.TempPathFactory) -> None:
    """From the template to the validator: what a slip of the pen in the chart would do."""
    broken = Charts.copy_to(tmp_path_factory.mktemp("broken"))
    template = broken.folder / "helm/templates/_pod.tpl"
    template.write_text(
        template.read_text(encoding="utf-8").replace("readinessProbe:", "readynessProbe:"), encoding="utf-8"
    )
    deployment = broken.install("helm", SCENARIOS["helm"]["default"]).of_kind("Deployment")["predict"]
    with pytest.raises(ValidationError, match="readynessProbe"):
        validate(deployment)


@pytest.mark.parametrize("chart", NAMES)
def test_the_oldest_kubernetes_is_the_one_that_is_tested(chart: str) -> None:
    described = yaml.safe_load((ROOT / chart / "Chart.yaml").read_text(encoding="utf-8"))
    assert described["kubeVersion"] == f">={KUBERNETES[0]}.0-0"
