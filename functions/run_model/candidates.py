"""Which runs may answer for a key, in which order. Blocks; call it in a thread."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from functions.parameters import canonical_text
from functions.run_model.mlflow_client import GONE_OR_HIDDEN, unless
from functions.run_model.proof import Wanted, has_finished

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARENT_TAG = "mlflow.parentRunId"
MAX_NESTING = 10
"""Levels of parent runs that are followed."""
SCANNED_RUNS = 1000
"""Newest runs whose parameters are compared one by one when no run has the canonical spelling."""
FINISHED = "attributes.status = 'FINISHED'"
_SAFE_IN_FILTER = re.compile(r"^[A-Za-z0-9_.+-]{1,250}\Z")
"""MLflow's filter language has no escaping: a value that does not match never reaches a filter string."""


def runs_in_order(client: "MlflowClient", wanted: Wanted) -> Iterator["Run"]:
    """Finished runs with these parameters, newest first; child runs of such a run come after all the others.

    A child run counts only when every run above it has finished: before that, and when the parent failed or is
    deleted, a trial is nobody's answer. A child whose parents logged other parameters is a run like any other.
    """
    seen, later = set(), []
    family = _Family(client)
    for run in _matching(client, wanted):
        above = family.above(run)
        if not all(map(has_finished, above)):
            continue
        line = [run, *(parent for parent in above if wanted.flaw_of_run(parent) is None)]
        later += reversed(line[:-1])
        if line[-1].info.run_id not in seen:
            seen.add(line[-1].info.run_id)
            yield line[-1]
    for run in later:
        if run.info.run_id not in seen:
            seen.add(run.info.run_id)
            yield run


class _Family:
    """The parents of runs, each asked for once."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client
        self._known: dict[str, Run | None] = {}

    def above(self, run: "Run") -> "list[Run]":
        """The parent, its parent, and so on."""
        line: list[Run] = []
        while (parent_id := run.data.tags.get(PARENT_TAG)) and len(line) < MAX_NESTING:
            if parent_id not in self._known:
                self._known[parent_id] = unless(GONE_OR_HIDDEN, self._client.get_run, parent_id)
            parent = self._known[parent_id]
            if parent is None:
                break
            line.append(parent)
            run = parent
        return line


def _matching(client: "MlflowClient", wanted: Wanted) -> Iterator["Run"]:
    """Finished runs with these parameters, newest first: those spelt canonically, then the others."""
    spelling = {name: canonical_text(value) for name, value in wanted.parameters.items()}
    seen = set()
    if all(_SAFE_IN_FILTER.match(text) for text in spelling.values()):
        clauses = [FINISHED, *(f"params.`{name}` = '{text}'" for name, text in spelling.items())]
        for run in newest_runs(client, [wanted.experiment_id], " AND ".join(clauses), max_results=10):
            seen.add(run.info.run_id)
            if wanted.flaw_of_run(run) is None:  # some databases compare text without regard to case
                yield run
    # Runs logged by other means may spell 0.36 as 0.360. Only a miss comes here, and a miss costs a training anyway.
    for run in newest_runs(client, [wanted.experiment_id], FINISHED, max_results=SCANNED_RUNS):
        if run.info.run_id not in seen and wanted.flaw_of_run(run) is None:
            yield run


def newest_runs(client: "MlflowClient", experiment_ids: list[str], filter_string: str, max_results: int) -> "list[Run]":
    newest_first = ["attributes.start_time DESC"]
    return list(client.search_runs(experiment_ids, filter_string, max_results=max_results, order_by=newest_first))
