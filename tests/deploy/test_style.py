"""Dockerfile, scripts and Bicep files: what hadolint, shellcheck and checkov say of them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.prefix) / "bin"
CHECKOV = Path(sys.prefix) / "checkov/bin/checkov"
SCRIPTS = sorted([*ROOT.glob("deploy/**/*.sh"), *ROOT.glob(".ci/*")])


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([TOOLS / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_actions_are_pinned_by_commit() -> None:
    """A tag can be moved to other code."""
    workflows = [path.read_text(encoding="utf-8") for path in ROOT.glob(".github/workflows/*.yml")]
    used = re.findall(r"uses: (.+)", "\n".join(workflows))
    assert len(used) >= 5
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run([TOOLS / "shellcheck", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("framework", "where"),
    [("dockerfile", ("--file", "Dockerfile")), ("bicep", ("--directory", "deploy"))],
)
def test_checkov_finds_nothing_that_is_not_explained(framework: str, where: tuple[str, str]) -> None:
    """What it skips is explained where it is skipped, by a checkov:skip comment."""
    command = [str(CHECKOV), *where, "--framework", framework, "--skip-download", "--output", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    report = json.loads(done.stdout)
    failed = [f"{check['check_id']} {check['resource']}" for check in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 5
