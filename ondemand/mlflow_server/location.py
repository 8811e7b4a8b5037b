"""Where a tracking server keeps its state."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """A folder with the database and the artifacts of one tracking server."""

    folder: Path

    @property
    def database_uri(self) -> str:
        return f"sqlite:///{self.folder.resolve() / 'mlflow.db'}"

    @property
    def artifacts(self) -> str:
        return str(self.folder.resolve() / "artifacts")
