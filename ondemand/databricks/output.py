"""The files of a run: its printed output, and the report of its process."""

import json
import shutil
from pathlib import Path

from ondemand.databricks.notebook.child import Report

MAX_PRINTED = 1024 * 1024
_TRUNCATED = b"\n[what follows was not kept]\n"


class RunFiles:
    """One folder for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, run_id: int) -> None:
        (self._folder / str(run_id)).mkdir(parents=True, exist_ok=True)

    def delete(self, run_id: int) -> None:
        shutil.rmtree(self._folder / str(run_id), ignore_errors=True)

    def printed_file(self, run_id: int) -> Path:
        return self._folder / str(run_id) / "printed.log"

    def report_file(self, run_id: int) -> Path:
        return self._folder / str(run_id) / "report.json"

    def printed(self, run_id: int) -> str:
        try:
            return self.printed_file(run_id).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def report(self, run_id: int) -> Report | None:
        """The report; ``None`` when the notebook's process died before it wrote one."""
        try:
            return Report(**json.loads(self.report_file(run_id).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


class BoundedLog:
    """A file that takes the first ``MAX_PRINTED`` bytes, and a note in place of the rest."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("wb", buffering=0)
        self._left = MAX_PRINTED

    def write(self, chunk: bytes) -> None:
        if not self._left:
            return
        self._file.write(chunk[: self._left])
        if len(chunk) >= self._left:
            self._file.write(_TRUNCATED)
        self._left = max(0, self._left - len(chunk))

    def close(self) -> None:
        self._file.close()
