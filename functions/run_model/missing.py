"""The reason why a training left no matching model, by what its run logged. Blocks; call it in a thread."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from functions.catalog import ModelType
from functions.contracts import RunModel
from functions.errors import ModelNotLogged
from functions.parameters import ParameterValue, canonical_text, same_parameters
from functions.run_model.candidates import PARENT_TAG, newest_runs
from functions.run_model.proof import Wanted, logged_model, steps

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

logger = logging.getLogger(__name__)

CLOCK_SKEW = timedelta(minutes=1)
"""A run says itself when it began; its cluster's clock may be behind Databricks' by so much."""
READ_RUNS = 20
NEWEST_RUNS = 5
TOLD_RUNS = 3
TOLD_MODELS = 3
TOLD_PARAMETERS = 10
MAX_TEXT = 60
OTHER_EXPERIMENTS = 100
"""Experiments that are searched for a run that was logged in the wrong one."""


@dataclass(frozen=True)
class NotFound:
    """``runs_without_model``: finished runs with these parameters that logged no model of the catalog's name.

    ``reasons``: what the newest runs did log, for a caller that wants to have it explained.
    """

    runs_without_model: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def what_was_logged(client: "MlflowClient", wanted: Wanted, since: datetime | None) -> tuple[str, ...]:
    """The reasons why the newest runs (begun after `since`) were not found, the nearest run first; at most three."""
    from mlflow.exceptions import MlflowException

    try:
        return tuple(_reasons(client, wanted, since))
    except MlflowException as error:  # the miss is certain, only its reason is not
        logger.warning("what the runs logged cannot be read: %s", error)
        return ()


def _reasons(client: "MlflowClient", wanted: Wanted, since: datetime | None) -> Iterator[str]:
    runs = _newest(client, [wanted.experiment_id], since) if wanted.experiment_id else []
    runs.sort(key=lambda run: len(list(differences(wanted, run.data.params))))
    for number, run in enumerate(runs[:TOLD_RUNS]):
        yield _reason(client, wanted, run, "another run" if number else "its run")
    if not any(_same(wanted, run) for run in runs):
        yield from _elsewhere(client, wanted, since)
    if not wanted.experiment_id:
        yield f"MLflow has no experiment {wanted.entry.experiment!r}"
    elif not runs:
        yield f"the experiment {wanted.entry.experiment!r} has no run" + (" since the training began" if since else "")


def _newest(client: "MlflowClient", experiment_ids: list[str], since: datetime | None) -> "list[Run]":
    if since is None:
        return newest_runs(client, experiment_ids, "", NEWEST_RUNS)
    begun = int((since - CLOCK_SKEW).timestamp() * 1000)
    return newest_runs(client, experiment_ids, f"attributes.start_time >= {begun}", READ_RUNS)


def _reason(client: "MlflowClient", wanted: Wanted, run: "Run", name: str) -> str:
    if different := list(differences(wanted, run.data.params)):
        told = ", ".join(different[:TOLD_PARAMETERS])
        return f"{name} logged {_listed(run.data.params)}: {told} (MLflow run {run.info.run_id})"
    having = f"MLflow run {run.info.run_id} has these parameters but "
    if run.info.status != "FINISHED":
        return f"{having}is {run.info.status}, not FINISHED"
    flaws = list(_flaws_of_outputs(client, wanted, run))
    if None in flaws and PARENT_TAG in run.data.tags:
        return f"{having}is the child of a run that failed, is deleted or has not finished"
    if None in flaws:
        return f"{having}its model has only just appeared: ask again"
    return f"{having}logged no model named {wanted.entry.artifact_name!r}" + "".join(f": {flaw}" for flaw in flaws[:1])


def _flaws_of_outputs(client: "MlflowClient", wanted: Wanted, run: "Run") -> Iterator[str | None]:
    for model_id in list(steps(run))[:TOLD_MODELS]:
        model = logged_model(client, model_id)
        if model is None:
            yield f"its model {model_id} is deleted"
        elif model.experiment_id == wanted.experiment_id and model.name != wanted.entry.artifact_name:
            yield f"it logged a model named {_cut(model.name)!r}, the catalog says {wanted.entry.artifact_name!r}"
        elif reason := wanted.flaw_of_model(model):
            yield f"{model_id}, which it names, cannot be used: {reason}"
        elif model.source_run_id != run.info.run_id:
            yield f"{model_id}, which it names, was logged by another run"
        else:
            yield None


def _elsewhere(client: "MlflowClient", wanted: Wanted, since: datetime | None) -> Iterator[str]:
    """A run with these parameters in another experiment: the notebook did not use the one that it was given."""
    if not wanted.parameters:  # every run of every experiment has them
        return
    others = list(client.search_experiments(max_results=OTHER_EXPERIMENTS))
    if own := client.get_experiment_by_name(wanted.entry.notebook):  # where a notebook of Databricks logs by default
        others.append(own)
    names = {each.experiment_id: each.name for each in others if each.experiment_id != wanted.experiment_id}
    for run in _newest(client, list(names), since) if names else ():
        if _same(wanted, run):
            yield (
                f"MLflow run {run.info.run_id} with these parameters is in the experiment "
                f"{_cut(names[run.info.experiment_id])!r}, the catalog says {wanted.entry.experiment!r}"
            )
            return


def _same(wanted: Wanted, run: "Run") -> bool:
    return same_parameters(wanted.entry.parameters, wanted.parameters, run.data.params)


def differences(wanted: Wanted, logged: Mapping[str, str]) -> Iterator[str]:
    """The parameters that are missing or have another value."""
    for name, value in wanted.parameters.items():
        if name not in logged:
            yield f"{name} is missing"
        elif not same_parameters(wanted.entry.parameters, {name: value}, logged):
            yield f"{name} is {_cut(logged[name])}, not {_value(value)}"


def _value(value: ParameterValue) -> str:
    return _cut(canonical_text(value))


def _listed(logged: Mapping[str, str]) -> str:
    told = [f"{_cut(name)}={_cut(value)}" for name, value in sorted(logged.items())[:TOLD_PARAMETERS]]
    more = [f"{len(logged) - len(told)} more"] if len(logged) > len(told) else []
    return ", ".join(told + more) or "no parameters"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def not_logged(command: RunModel, entry: ModelType, not_found: NotFound) -> ModelNotLogged:
    """The error of a training that ended well and left no matching model; it says what was logged instead."""
    databricks_run_id = command.training.databricks_run_id if command.training else None
    reasons = list(not_found.reasons)
    if older := [run for run in not_found.runs_without_model[:5] if not any(run in reason for reason in reasons)]:
        runs = ", ".join(older)
        reasons.insert(0, f"MLflow run {runs} has these parameters but logged no model named {entry.artifact_name!r}")
    if not reasons:
        wanted = ", ".join(f"{name}={_value(value)}" for name, value in command.parameters.items())
        reasons.append(f"the experiment {entry.experiment!r} has no finished run with {wanted}")
    return ModelNotLogged(f"Databricks run {databricks_run_id} ended well, but {'; '.join(reasons)}.")
