"""The settings of the server."""

from dataclasses import dataclass
from pathlib import Path

from ondemand.databricks.workspace import Workspace


@dataclass(frozen=True)
class Settings:
    """Settings by name. Without a ``token`` any bearer token is accepted, but a request without one is refused."""

    data: Path
    workspace: Workspace
    max_concurrent_runs: int = 2
    token: str | None = None
    preload: bool = True

    @property
    def dbfs(self) -> Path:
        return self.data.resolve() / "dbfs"
