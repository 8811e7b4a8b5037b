"""``python -m tests.changed [commit]``: run the unit tests of what changed since a commit, or all if nothing did."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
UNIT = PurePosixPath("tests/unit")
BROKER = "broker"
DOCUMENTS = UNIT / "test_documents.py"
OTHER_TIERS = (
    "tests/integration",
    "tests/e2e",
    "tests/chart",
    "tests/deploy",
    "helm",
    "keda",
    "deploy",
    "requirements",
)
"""Folders whose changes no unit test reads."""


def targets(changed: Iterable[str], root: Path = ROOT) -> set[str]:
    """The tests of these files: those that mirror the file's folder and what is below it, for the rest all of them."""
    return {str(target) for path in changed if (target := _target(PurePosixPath(path), root)) is not None}


def _target(path: PurePosixPath, root: Path) -> PurePosixPath | None:
    if path.suffix == ".md" or path.name == "Makefile":
        return DOCUMENTS
    if path.parts[0] == BROKER:
        return PurePosixPath(BROKER)
    if any(path.is_relative_to(folder) for folder in OTHER_TIERS):
        return None
    if path.is_relative_to(UNIT):
        is_test = path.name.startswith("test_") and (root / path).is_file()
        return path if is_test else _existing(path.parent, root)
    return _existing(UNIT / path.parent, root)


def _existing(folder: PurePosixPath, root: Path) -> PurePosixPath:
    """The folder itself, or the nearest one above it that is there."""
    return folder if (root / folder).is_dir() else _existing(folder.parent, root)


def _changed(since: str) -> list[str]:
    git = ["git", "-c", "core.quotePath=false"]
    listings = (["diff", "--name-only", since], ["ls-files", "--others", "--exclude-standard"])
    outputs = [subprocess.run([*git, *each], cwd=ROOT, capture_output=True, text=True, check=True) for each in listings]
    return [path for output in outputs for path in output.stdout.splitlines()]


def _pytest(folder: Path, arguments: Iterable[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *arguments]
    return subprocess.run(command, cwd=folder, check=False).returncode


def main() -> int:
    found = targets(_changed(sys.argv[1] if len(sys.argv) > 1 else "HEAD")) or {str(UNIT), BROKER}
    ours = sorted(found - {BROKER})
    failed = _pytest(ROOT, ours) if ours else 0
    return failed or (_pytest(ROOT / BROKER, ["tests/unit"]) if BROKER in found else 0)


if __name__ == "__main__":
    sys.exit(main())
