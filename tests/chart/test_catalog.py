"""The chart's catalog is the project's, or the user's, and a change of it reaches the functions."""

import hashlib
from pathlib import Path

import helm_python as helm
import pytest
import yaml

from functions import __version__
from functions.catalog import load_catalog
from tests.chart.charts import NAMES, ROOT, Charts, environment, pods
from tests.chart.conftest import Releases
from tests.chart.scenarios import POOLS_CATALOG, REQUIRED, merged

MODELS = (ROOT / "models.yaml").read_text(encoding="utf-8")


def test_there_is_no_second_copy() -> None:
    assert (ROOT / "keda/files/models.yaml").is_symlink()
    assert (ROOT / "keda/files/models.yaml").resolve() == ROOT / "models.yaml"


def test_a_packaged_chart_carries_the_catalog(tmp_path: Path) -> None:
    archive = helm.package(ROOT / "keda", destination=tmp_path)
    with helm.Chart.load(archive) as chart:
        packaged = {file["name"]: file["data"] for file in chart.files}
    assert "files/models.yaml" in packaged


@pytest.mark.parametrize(("scenario", "text"), [("default", MODELS), ("pools", POOLS_CATALOG)])
def test_the_config_map_holds_what_the_functions_read(
    releases: Releases, scenario: str, text: str, tmp_path: Path
) -> None:
    release = releases(scenario)
    rendered = release.of_kind("ConfigMap")["catalog"]["data"]["models.yaml"]
    assert yaml.safe_load(rendered) == yaml.safe_load(text)
    assert rendered.strip() == text.strip()
    read = tmp_path / "models.yaml"
    read.write_text(rendered, encoding="utf-8")
    queues = {
        environment(pod)["RUN_MODEL_QUEUE"] for name, pod in pods(release.manifests).items() if "run-model" in name
    }
    assert queues == set(load_catalog(read).run_model_queues)


def test_functions_find_it_where_it_is_mounted(releases: Releases) -> None:
    for deployment in releases("default").of_kind("Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        (mount,) = (mount for mount in container["volumeMounts"] if mount["name"] == "catalog")
        assert environment(pod)["CATALOG_FILE"] == f"{mount['mountPath']}/models.yaml"


def test_a_changed_catalog_starts_new_pods(charts: Charts) -> None:
    checksums = set()
    for text in (MODELS, MODELS.replace("default: 0.5", "default: 0.4")):
        release = charts.install("helm", merged(REQUIRED, {"global": {"catalog": text}}))
        for deployment in release.of_kind("Deployment").values():
            checksum = deployment["spec"]["template"]["metadata"]["annotations"]["checksum/catalog"]
            assert checksum == hashlib.sha256(text.encode()).hexdigest()
            checksums.add(checksum)
    assert len(checksums) == 2


def test_a_pool_differs_only_in_what_is_said_of_it(releases: Releases) -> None:
    specs = pods(releases("pools").manifests)
    plain, legacy, gpu = (specs[f"run-model{pool}"] for pool in ("", "-legacy", "-gpu-a100"))
    assert legacy["containers"][0]["resources"] == plain["containers"][0]["resources"]
    assert gpu["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert gpu["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.azure.com/accelerator": "nvidia"}
    assert len(gpu["tolerations"]) == 2
    assert environment(gpu)["LOOKUP_TTL_S"] == "60"
    assert environment(gpu)["MERGE_MAX_ROWS"] == environment(plain)["MERGE_MAX_ROWS"]
    scaled = releases("pools").of_kind("ScaledObject")
    assert scaled["run-model-gpu-a100"]["spec"]["maxReplicaCount"] == 2
    assert scaled["run-model-legacy"]["spec"]["maxReplicaCount"] == 20


GIB = 1024**3


@pytest.mark.parametrize("scenario", ["default", "pools"])
def test_models_fit_into_disk_and_memory(releases: Releases, scenario: str) -> None:
    for name, pod in pods(releases(scenario).manifests).items():
        if "run-model" not in name:
            continue
        given = environment(pod)
        (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "models")
        (container,) = pod["containers"]
        (mount,) = (mount for mount in container["volumeMounts"] if mount["name"] == "models")
        assert str(given["MODEL_CACHE_DIR"]).startswith(mount["mountPath"])
        assert int(volume["emptyDir"]["sizeLimit"]) > int(str(given["MODEL_DISK_BYTES"]))
        memory = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * GIB
        assert memory >= int(str(given["MODEL_CACHE_BYTES"])) + 1.5 * GIB


@pytest.mark.parametrize("chart", NAMES)
def test_versions_agree(chart: str) -> None:
    described = yaml.safe_load((ROOT / chart / "Chart.yaml").read_text(encoding="utf-8"))
    assert described["appVersion"] == __version__
    for dependency in described.get("dependencies", []):
        keda = yaml.safe_load((ROOT / "keda/Chart.yaml").read_text(encoding="utf-8"))
        assert (dependency["name"], dependency["version"]) == (keda["name"], keda["version"])
