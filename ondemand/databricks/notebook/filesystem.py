"""``dbutils.fs`` over the local file system: ``dbfs:/x`` and ``/x`` are below one folder, ``file:/x`` is ``/x``."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileInfo:
    """One entry of ``ls``, with the attribute names of Databricks; time in milliseconds since the epoch."""

    path: str
    name: str
    size: int
    modificationTime: int

    def isDir(self) -> bool:
        return self.name.endswith("/")

    def isFile(self) -> bool:
        return not self.isDir()


class FileSystem:
    """The commands of ``dbutils.fs`` that make sense on one machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def ls(self, path: str) -> list[FileInfo]:
        local = self._existing(path)
        entries = sorted(local.iterdir()) if local.is_dir() else [local]
        parent = path.rstrip("/") if local.is_dir() else path.rpartition("/")[0]
        return [_describe(entry, parent) for entry in entries]

    def head(self, file: str, max_bytes: int = 65536) -> str:
        with self._existing(file).open("rb") as content:
            return content.read(max_bytes).decode("utf-8", errors="replace")

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        local = self._locate(file)
        local.parent.mkdir(parents=True, exist_ok=True)
        with local.open("w" if overwrite else "x", encoding="utf-8") as target:
            target.write(contents)
        return True

    def mkdirs(self, dir: str) -> bool:
        self._locate(dir).mkdir(parents=True, exist_ok=True)
        return True

    def cp(self, from_: str, to: str, recurse: bool = False) -> bool:
        source, target = self._existing(from_), self._locate(to)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            if not recurse:
                raise IsADirectoryError(f"{from_} is a directory: copy it with recurse=True")
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target / source.name if target.is_dir() else target)
        return True

    def mv(self, from_: str, to: str, recurse: bool = False) -> bool:
        self.cp(from_, to, recurse)
        return self.rm(from_, recurse)

    def rm(self, dir: str, recurse: bool = False) -> bool:
        local = self._locate(dir)
        if local == self._root:
            raise PermissionError("the root of dbfs cannot be removed")
        if local.is_dir():
            shutil.rmtree(local) if recurse else local.rmdir()
            return True
        existed = local.exists()
        local.unlink(missing_ok=True)
        return existed

    def _existing(self, path: str) -> Path:
        local = self._locate(path)
        if not local.exists():
            raise FileNotFoundError(f"{path}: no such file or directory")
        return local

    def _locate(self, path: str) -> Path:
        if path.startswith("file:"):
            return Path("/", path.removeprefix("file:").lstrip("/"))
        local = (self._root / path.removeprefix("dbfs:").lstrip("/")).resolve()
        if not local.is_relative_to(self._root.resolve()):
            raise PermissionError(f"{path} leads out of dbfs")
        return local


def _describe(entry: Path, parent: str) -> FileInfo:
    status = entry.stat()
    name = entry.name + ("/" if entry.is_dir() else "")
    size = 0 if entry.is_dir() else status.st_size
    return FileInfo(f"{parent}/{name}", name, size, int(status.st_mtime * 1000))
