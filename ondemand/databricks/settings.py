"""What the server is told at its start."""

from dataclasses import dataclass
from pathlib import Path

from ondemand.databricks.workspace import Workspace


@dataclass(frozen=True)
class Settings:
    """``token`` ``None`` accepts any bearer token, but not none."""

    data: Path
    workspace: Workspace
    max_concurrent_runs: int = 2
    token: str | None = None
    preload: bool = True

    @property
    def dbfs(self) -> Path:
        return self.data.resolve() / "dbfs"
