"""The proof that a model answers for a key, and the choice among a run's models. Blocks; call it in a thread.

The model of a key is one that its own run logged: of the run's outputs the one with the largest step, then the newest
(MLflow's rule for ``runs:/``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.catalog import ModelType
from functions.parameters import ParameterValue, same_parameters
from functions.run_model.mlflow_client import GONE_OR_HIDDEN, NO_SUCH_ID, unless

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

_MODEL_ID = re.compile(r"m-[A-Za-z0-9_-]{1,250}\Z")
"""A run's outputs are anybody's text: ``models:/name/3`` would be a registered model."""


@dataclass(frozen=True)
class Wanted:
    """The model that is looked for: of a catalog entry, in that entry's experiment, trained with these parameters."""

    experiment_id: str
    entry: ModelType
    parameters: Mapping[str, ParameterValue]

    def flaw_of_model(self, model: "LoggedModel") -> str | None:
        """Why it cannot be this model, as far as the model itself tells; None if it can."""
        if model.experiment_id != self.experiment_id:
            return "it belongs to another experiment"
        if model.name != self.entry.artifact_name:
            return f"its name is {model.name!r}"
        if model.status != "READY":
            return f"its status is {model.status}"
        return None if model.source_run_id else "it has no source run"

    def flaw_of_run(self, run: "Run") -> str | None:
        """Why its models cannot be meant; None if they can."""
        if run.info.experiment_id != self.experiment_id:
            return "its run belongs to another experiment"
        if not has_finished(run):
            return "its run is deleted or has not finished"
        if not same_parameters(self.entry.parameters, self.parameters, run.data.params):
            return "its run logged other parameters"
        return None


def has_finished(run: "Run") -> bool:
    return bool(run.info.lifecycle_stage == "active" and run.info.status == "FINISHED")


def flaw(client: "MlflowClient", wanted: Wanted, model: "LoggedModel") -> str | None:
    """Why this model does not answer for what is wanted; None if it does. At most one call: the model's run."""
    if reason := wanted.flaw_of_model(model):
        return reason
    run = unless(NO_SUCH_ID, client.get_run, model.source_run_id)
    if run is None:
        return "its run does not exist"
    if reason := wanted.flaw_of_run(run):
        return reason
    return None if model.model_id in steps(run) else "its run does not name it as an output"


def steps(run: "Run") -> dict[str, int]:
    """The models that a run names as its outputs, and the largest step of each. The store has no order for them."""
    outputs = run.outputs.model_outputs if run.outputs else []
    in_order = sorted((output.step or 0, output.model_id) for output in outputs)
    return {model_id: step for step, model_id in in_order if _MODEL_ID.match(model_id)}


def best_output(client: "MlflowClient", wanted: Wanted, run: "Run") -> "LoggedModel | None":
    """The model that this run logged last under the wanted name; its outputs are read from the largest step down."""
    outputs = steps(run)
    for step in sorted(set(outputs.values()), reverse=True):
        models = [
            model
            for model_id in outputs
            if outputs[model_id] == step and (model := logged_model(client, model_id)) and _own(wanted, run, model)
        ]
        if models:
            return min(models, key=lambda model: (-model.creation_timestamp, model.model_id))
    return None


def logged_model(client: "MlflowClient", model_id: str) -> "LoggedModel | None":
    """None for a deleted one, and for one of an experiment that is not ours to read."""
    return unless(GONE_OR_HIDDEN, client.get_logged_model, model_id)


def _own(wanted: Wanted, run: "Run", model: "LoggedModel") -> bool:
    return wanted.flaw_of_model(model) is None and model.source_run_id == run.info.run_id
