"""What a build sends to docker, and what the Dockerfile takes of it."""

import re
import subprocess
from pathlib import Path

from docker.utils.build import exclude_paths  # type: ignore[import-untyped]  # docker has no types

from tests.deploy.locks import IMAGES, PYTHONS

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def copied() -> set[str]:
    """The sources of every COPY from the context, for each Python that the images can have."""
    commands = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    commands += re.findall(r"^ARG REQUIREMENTS=(\S+)$", DOCKERFILE, re.MULTILINE)
    sources = {source for command in commands for source in command.split()} - {"${REQUIREMENTS}"}
    return {source.replace("${PYTHON}", python) for source in sources for python in PYTHONS}


def context(root: Path) -> set[str]:
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return {path for path in exclude_paths(str(root), patterns) if (root / path).is_file()}


def files_below(source: str) -> set[str]:
    """The files of a source that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", source]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())


def test_everything_that_is_copied_exists() -> None:
    assert len(copied()) >= 9
    assert [source for source in copied() if not files_below(source)] == []


def test_the_context_is_what_is_copied_and_nothing_else() -> None:
    wanted = {file for source in copied() for file in files_below(source)}
    assert context(ROOT) == wanted | {"Dockerfile", ".dockerignore"}


def test_a_lock_file_of_a_pool_is_let_through(tmp_path: Path) -> None:
    wanted = {"requirements/pool-gpu.txt", "functions/bus.py"}
    unwanted = {
        ".git/config",
        ".venv/x",
        "functions/__pycache__/bus.pyc",
        "local.settings.json",
        "requirements/dev.txt",
    }
    for file in wanted | unwanted:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert context(tmp_path) == wanted


def test_the_first_python_is_that_of_an_image_by_default() -> None:
    assert re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE) == [PYTHONS[0]]


def test_every_image_has_a_target() -> None:
    assert set(IMAGES) <= set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
