"""Keeps runs in SQLite: an accepted run survives the end of the process, even a crash."""

import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from ondemand.databricks.run import Run

_RUN = TypeAdapter(Run)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL UNIQUE,
    task_run_id INTEGER NOT NULL UNIQUE,
    job_id INTEGER NOT NULL,
    idempotency_token TEXT UNIQUE,
    active INTEGER NOT NULL,
    submitted_at INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_active ON runs (active, sequence);
"""


@dataclass(frozen=True)
class Filter:
    """Which runs to list; ``None`` means any. ``before`` is the place where the page before ended."""

    active: bool | None = None
    job_id: int | None = None
    submitted_from: int | None = None
    submitted_to: int | None = None
    before: int | None = None
    offset: int = 0


class RunStore:
    """Runs by their ids and tokens. Statements take well under a millisecond, so they run on the event loop."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def add(self, run: Run) -> None:
        columns = (run.run_id, run.task_run_id, run.job_id, run.idempotency_token, run.active, run.submitted_at)
        self._database.execute(
            "INSERT INTO runs (run_id, task_run_id, job_id, idempotency_token, active, submitted_at, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*columns, _dump(run)),
        )

    def update(self, run: Run) -> None:
        self._database.execute(
            "UPDATE runs SET active = ?, document = ? WHERE run_id = ?", (run.active, _dump(run), run.run_id)
        )

    def find(self, run_id: int) -> Run | None:
        """The run with this id, or whose task has it."""
        return self._first("SELECT document FROM runs WHERE run_id = ? OR task_run_id = ?", run_id, run_id)

    def find_by_token(self, token: str) -> Run | None:
        return self._first("SELECT document FROM runs WHERE idempotency_token = ?", token)

    def active(self) -> list[Run]:
        """Runs that have not ended, in the order of submission."""
        rows = self._database.execute("SELECT document FROM runs WHERE active ORDER BY sequence")
        return [_RUN.validate_json(document) for (document,) in rows]

    def page(self, limit: int, wanted: Filter) -> tuple[list[Run], int | None]:
        """The newest runs first, and where the next page begins, if there is one."""
        rows = self._database.execute(
            "SELECT sequence, document FROM runs"
            " WHERE (:active IS NULL OR active = :active) AND (:job_id IS NULL OR job_id = :job_id)"
            " AND (:submitted_from IS NULL OR submitted_at >= :submitted_from)"
            " AND (:submitted_to IS NULL OR submitted_at <= :submitted_to)"
            " AND (:before IS NULL OR sequence < :before) ORDER BY sequence DESC LIMIT :one_more OFFSET :offset",
            asdict(wanted) | {"one_more": limit + 1},
        ).fetchall()
        runs = [_RUN.validate_json(document) for _, document in rows[:limit]]
        return runs, rows[limit - 1][0] if len(rows) > limit else None

    def forget_oldest(self, keep: int) -> list[Run]:
        """Delete the oldest runs that have ended, so that at most ``keep`` of them are left; returns the deleted."""
        rows = self._database.execute(
            "DELETE FROM runs WHERE sequence IN"
            " (SELECT sequence FROM runs WHERE NOT active ORDER BY sequence DESC LIMIT -1 OFFSET ?) RETURNING document",
            (keep,),
        ).fetchall()
        return [_RUN.validate_json(document) for (document,) in rows]

    def _first(self, statement: str, *values: int | str) -> Run | None:
        row = self._database.execute(statement, values).fetchone()
        return _RUN.validate_json(row[0]) if row else None


def _dump(run: Run) -> str:
    return _RUN.dump_json(run).decode()
