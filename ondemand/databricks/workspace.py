"""Maps workspace paths, such as ``/Shared/models/wine``, to notebook files of this machine."""

import posixpath
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = ("", ".ipynb", ".py")


class NotebookNotFound(Exception):
    """No notebook file stands for the workspace path."""


@dataclass(frozen=True)
class Mount:
    """A folder of this machine that appears as a folder of the workspace."""

    path: str
    folder: Path

    @classmethod
    def parse(cls, text: str) -> "Mount":
        """From ``/Workspace/Path=folder``; raises ``ValueError``."""
        path, separator, folder = text.partition("=")
        if not separator or not path.startswith("/") or not folder:
            raise ValueError(f"{text!r} is not of the form /Workspace/Path=folder")
        if not Path(folder).is_dir():
            raise ValueError(f"{folder!r} is not a folder")
        return cls(posixpath.normpath(path), Path(folder).resolve())


@dataclass(frozen=True)
class Workspace:
    """Every mount of one workspace."""

    mounts: tuple[Mount, ...]

    def find(self, path: str) -> Path:
        """The notebook's file; raises ``NotebookNotFound``, also for a path that leads out of its mount."""
        wanted = posixpath.normpath(path.removeprefix("/Workspace"))
        for mount in self.mounts:
            if wanted.startswith(mount.path.rstrip("/") + "/"):
                file = _find_below(mount.folder, posixpath.relpath(wanted, mount.path))
                if file:
                    return file
        raise NotebookNotFound(f"Notebook not found: {path}")


def _find_below(folder: Path, relative: str) -> Path | None:
    for suffix in _SUFFIXES:
        file = (folder / (relative + suffix)).resolve()
        if file.suffix in _SUFFIXES[1:] and file.is_relative_to(folder) and file.is_file():
            return file
    return None
