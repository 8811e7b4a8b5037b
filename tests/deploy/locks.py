"""The lock files of the images, read."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]
IMAGES = ("predict", "train", "run-model")
"""The targets of the Dockerfile: each has the packages of the extra of its name."""
PYTHONS = ("3.13", "3.14")
"""Those of the images: each image has a lock file for each of them. The first is what is built by default."""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
NO_IMAGE = f"no image has Python {HERE}"
PIN = re.compile(r"^([\w.-]+==[^\\\n]+)\\\n((?:    --hash=.*\n?)+)", re.MULTILINE)


def read_lock(name: str, python: str = HERE) -> dict[NormalizedName, tuple[str, frozenset[str]]]:
    """Version and hashes of each package that ``requirements/<name>.txt`` has for this Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    lock = {}
    for pin, hashes in PIN.findall((ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")):
        requirement = Requirement(pin)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            version = str(requirement.specifier).removeprefix("==")
            lock[canonicalize_name(requirement.name)] = version, frozenset(re.findall(r"sha256:\w+", hashes))
    return lock


def requirements(extra: str) -> list[Requirement]:
    """What an extra of pyproject.toml asks for, without what the ``ondemand`` command needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [Requirement(text) for text in project["optional-dependencies"][extra]]
    others = {other for each in asked if each.name == project["name"] for other in each.extras}
    own = [each for each in asked if each.name != project["name"]]
    return own + [each for other in sorted(others) for each in requirements(other)]


def closure(extra: str) -> set[NormalizedName]:
    """What an extra asks for, directly or not, by the metadata of what is installed here."""
    found: set[tuple[NormalizedName, frozenset[str]]] = set()
    waiting = requirements(extra)
    while waiting:
        requirement = waiting.pop()
        node = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if node not in found:
            found.add(node)
            waiting.extend(_needed_by(requirement))
    return {name for name, _ in found}


def _needed_by(requirement: Requirement) -> Iterator[Requirement]:
    environments = [{"extra": extra} for extra in ("", *requirement.extras)]
    for text in distribution(requirement.name).requires or ():
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments):
            yield needed


if __name__ == "__main__":
    print(*requirements(sys.argv[1]), sep="\n")
