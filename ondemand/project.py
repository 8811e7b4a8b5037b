"""A project: the catalog of a user, the notebooks that it names, and a first request."""

import json
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

from ondemand.functions_app import SCRIPT_ROOT, WORKSPACE

CATALOG, NOTEBOOKS, REQUEST = "models.yaml", "notebooks", "request.json"
TEMPLATE = Path(__file__).with_name("template")
SAMPLE_REQUEST = Path(__file__).with_name("wine.json")
"""A request for a model type of the app's own catalog."""


class ProjectError(Exception):
    """A file of the project is missing, in the way or malformed; the message names it."""


@dataclass(frozen=True)
class Project:
    """The files of one project; ``request`` is None where it has no first request."""

    catalog: Path
    notebooks: Path
    request: Path | None

    @property
    def is_sample(self) -> bool:
        """Whether the catalog is the app's own."""
        return self.catalog.exists() and self.catalog.samefile(SCRIPT_ROOT / CATALOG)

    @property
    def workspace(self) -> str:
        """The notebooks as a folder of the workspace, for the Jobs API."""
        return f"{WORKSPACE}={self.notebooks}"

    def read_request(self) -> dict[str, Any]:
        """The body of the request. Raises ProjectError if there is none or it is no JSON object."""
        if self.request is None:
            raise ProjectError(f"there is no {REQUEST} here; name a file with a request by --request")
        try:
            request = json.loads(self.request.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ProjectError(f"{self.request}: {error}") from error
        if not isinstance(request, dict):
            raise ProjectError(f"{self.request}: is no JSON object")
        return request


def find_project(folder: Path, catalog: Path | None, notebooks: Path | None, request: Path | None = None) -> Project:
    """Take the given paths, else those of *folder*; the app's own sample where *folder* has no catalog.

    Notebooks and a request that lie in *folder* without a catalog belong to something else.
    """
    catalog = catalog or _existing(folder / CATALOG) or SCRIPT_ROOT / CATALOG
    found = Project(catalog.resolve(), SCRIPT_ROOT / NOTEBOOKS, SAMPLE_REQUEST)
    if not found.is_sample:
        found = Project(
            found.catalog, _existing(folder / NOTEBOOKS) or SCRIPT_ROOT / NOTEBOOKS, _existing(folder / REQUEST)
        )
    return Project(found.catalog, (notebooks or found.notebooks).resolve(), request or found.request)


def create_project(folder: Path) -> list[Path]:
    """Write a catalog, a notebook and a request into *folder*; return their paths.

    Raises ProjectError if one of them exists, and writes none then, or cannot be written.
    """
    sources = sorted(file for file in TEMPLATE.rglob("*") if file.is_file() and file.suffix != ".pyc")
    targets = [folder / file.relative_to(TEMPLATE) for file in sources]
    if taken := [str(target) for target in targets if target.exists()]:
        raise ProjectError(f"{', '.join(taken)}: there already, so nothing was written")
    try:
        for source, target in zip(sources, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(source, target)
    except OSError as error:
        raise ProjectError(f"{error.filename}: cannot be written: {error.strerror}") from error
    return targets


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None
