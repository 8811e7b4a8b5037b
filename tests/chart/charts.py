"""The charts as the real Helm SDK sees them, without a cluster."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).parents[2]
NAMES = ("keda", "helm")
RELEASE = "demo"
NAMESPACE = "ondemand"
NO_CLUSTER = "apiVersion: v1\nkind: Config\n"

Manifest = dict[str, Any]
Values = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """What an installation would create, hooks such as the `helm test` included, and what it would say."""

    manifests: tuple[Manifest, ...]
    text: str
    notes: str

    def of_kind(self, kind: str) -> dict[str, Manifest]:
        """By name without the release's prefix."""
        return {
            manifest["metadata"]["name"].removeprefix(f"{RELEASE}-"): manifest
            for manifest in self.manifests
            if manifest["kind"] == kind
        }


class Charts:
    """The charts in a folder of their own, where helm's dependency is fetched as `helm dependency update` does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def copy_to(cls, folder: Path) -> "Charts":
        for name in NAMES:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("charts", "Chart.lock"))
        charts = cls(folder)
        charts.update()
        return charts

    def update(self) -> None:
        helm.dependency_update(self.folder / "helm", skip_refresh=True)

    def install(self, name: str, values: Values) -> Release:
        """A client dry run, which is `helm template`. Raises HelmError for values and templates that are refused."""
        chart = self.folder / name
        with helm.Config(kubeconfig_content=NO_CLUSTER, namespace=NAMESPACE, storage_driver="memory") as config:
            dry_run = config.install(chart, RELEASE, values, namespace=NAMESPACE, dry_run="client")
        with helm.Chart.load(chart) as loaded:
            rendered = loaded.render(values, name=RELEASE, namespace=NAMESPACE)
        hooks = [text for path, text in rendered.items() if "/templates/tests/" in path]
        text = "\n---\n".join([dry_run["manifest"], *hooks])
        manifests = tuple(document for document in yaml.load_all(text, yaml.CSafeLoader) if document)
        return Release(manifests, text, dry_run["notes"])


def containers(manifests: tuple[Manifest, ...]) -> list[dict[str, Any]]:
    return [container for pod in pods(manifests).values() for container in pod["containers"]]


def pods(manifests: tuple[Manifest, ...]) -> dict[str, dict[str, Any]]:
    """Pod specifications by the name of the Deployment or Pod they are in, without the release's prefix."""
    specs = {}
    for manifest in manifests:
        name = manifest["metadata"]["name"].removeprefix(f"{RELEASE}-")
        if manifest["kind"] == "Deployment":
            specs[name] = manifest["spec"]["template"]["spec"]
        elif manifest["kind"] == "Pod":
            specs[name] = manifest["spec"]
    return specs


def environment(pod: dict[str, Any]) -> dict[str, str | None]:
    """Variables of a pod's one container; the value is None where it comes from a Secret."""
    (container,) = pod["containers"]
    names = [variable["name"] for variable in container["env"]]
    assert len(names) == len(set(names)), f"a variable is there twice: {sorted(names)}"
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def key_vault_files(release: Release, pod: dict[str, Any]) -> dict[str, str]:
    """Secret of the Key Vault by the file in which a pod has it."""
    files: dict[str, str] = {}
    for volume in pod["volumes"]:
        if "csi" in volume:
            name = volume["csi"]["volumeAttributes"]["secretProviderClass"].removeprefix(f"{RELEASE}-")
            parameters = release.of_kind("SecretProviderClass")[name]["spec"]["parameters"]
            objects = [yaml.safe_load(text) for text in yaml.safe_load(parameters["objects"])["array"]]
            files |= {each["objectAlias"]: each["objectName"] for each in objects}
    return files


def mount_path(pod: dict[str, Any], name: str) -> str:
    """Where a pod's one container has the volume."""
    (container,) = pod["containers"]
    (path,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == name)
    return str(path)
