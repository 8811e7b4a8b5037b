"""checkov, over what is rendered."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.chart.charts import Manifest
from tests.chart.conftest import Releases

CHECKOV = Path(sys.prefix) / "checkov/bin/checkov"
SKIPPED = {
    "CKV_K8S_8": "liveness probe: the pod of `helm test` runs once; test_security.py checks the Deployments",
    "CKV_K8S_9": "readiness probe: the same",
    "CKV_K8S_11": "CPU limits: throttling slows what is under way and helps nobody; requests share the CPU fairly",
    "CKV_K8S_15": "imagePullPolicy Always: tags do not move; a node that has the image needs no registry",
    "CKV_K8S_35": "secrets as files: the Functions host and the SDKs read these from the environment only",
    "CKV_K8S_43": "images by digest: `image.digest` is there for who wants it",
}
"""checkov's checks that are not taken over, and why."""


def namespaced(manifest: Manifest) -> Manifest:
    """As Helm applies it; what is rendered leaves the namespace to the release."""
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": "ondemand"}}


def test_checkov_finds_nothing_that_is_not_explained(releases: Releases, tmp_path: Path) -> None:
    for scenario in ("default", "key-vault", "everything"):  # every template is in one of them
        documents = [namespaced(manifest) for manifest in releases(scenario).manifests]
        (tmp_path / f"{scenario}.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    command = [
        str(CHECKOV),
        "--framework",
        "kubernetes",
        "--directory",
        str(tmp_path),
        "--output",
        "json",
        "--skip-download",
    ]
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=240)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    failed = {check["check_id"]: check for check in report["results"]["failed_checks"]}
    assert {name: check["check_name"] for name, check in failed.items() if name not in SKIPPED} == {}
    assert set(SKIPPED) <= set(failed), "a skip that skips nothing has no reason any more"
    assert report["summary"]["passed"] > 300
