"""``make sbom`` lists each image's packages, as its lock names them."""

import os
import subprocess
from pathlib import Path

from tests.deploy.locks import IMAGES, PYTHONS, ROOT

TOOL = """#!/bin/sh
printf '%s\\n' "$*" >> "$RECORD"
"""


def test_every_image_has_its_list(tmp_path: Path) -> None:
    """By a tool of a fixed version; it is replaced here by one that writes down how it is called."""
    tool, record = tmp_path / "uv", tmp_path / "record"
    tool.write_text(TOOL, encoding="utf-8")
    tool.chmod(0o755)
    (tmp_path / "installed").touch()  # newer than what it is made from
    arguments = [f"SBOM={tool} tool run", f"INSTALLED={tmp_path}/installed", f"SBOM_FOLDER={tmp_path}/sbom"]
    subprocess.run(["make", *arguments, "sbom"], cwd=ROOT, env=os.environ | {"RECORD": str(record)}, check=True)
    called = record.read_text(encoding="utf-8").splitlines()
    assert len(called) == len(IMAGES)
    for image, line in zip(IMAGES, called, strict=True):
        assert line.startswith(f"tool run requirements requirements/{image}-{PYTHONS[0]}.txt --output-reproducible ")
        assert line.endswith(f"--output-file {tmp_path}/sbom/mlflow-ondemand-{image}.cdx.json")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--from cyclonedx-bom==" in makefile
