"""What MLflow and Databricks say, asked without any of this project's code."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import mlflow
import mlflow.pyfunc
import numpy as np
import pandas as pd
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import BaseRun, RunResultState

from ondemand.stack.addresses import Addresses


class Truth:
    """Loads each model once. Works while MLflow and Databricks can be reached."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._models: dict[str, tuple[mlflow.pyfunc.PyFuncModel, Mapping[str, str]]] = {}

    async def flaw(
        self, parameters: Mapping[str, Any], rows: Sequence[Mapping[str, float]], outcome: Mapping[str, Any]
    ) -> str | None:
        """Why *outcome* is not what the model of *parameters* predicts for *rows*; None if it is."""
        return await asyncio.to_thread(self._flaw, parameters, rows, outcome)

    async def databricks_runs(self) -> list[BaseRun]:
        return await asyncio.to_thread(lambda: list(self._workspace().jobs.list_runs()))

    async def trained_twice(self) -> list[str]:
        """Names of trainings that succeeded more than once, or of which two ran at the same time.

        The name of a run has the model type and the key.
        """
        by_name: dict[str, list[BaseRun]] = defaultdict(list)
        for run in await self.databricks_runs():
            by_name[str(run.run_name)].append(run)
        return [name for name, runs in by_name.items() if _overlap(runs) or sum(map(_succeeded, runs)) > 1]

    def _flaw(
        self, parameters: Mapping[str, Any], rows: Sequence[Mapping[str, float]], outcome: Mapping[str, Any]
    ) -> str | None:
        model, logged = self._model(outcome["model"]["uri"])
        for name, value in parameters.items():
            if logged[name] != str(value) and float(logged[name]) != float(value):
                return f"{outcome['model']['uri']} has {name} = {logged[name]}"
        expected = np.asarray(model.predict(pd.DataFrame(rows)), dtype=float)
        result = np.asarray(outcome["result"], dtype=float)
        if result.shape != expected.shape or not np.allclose(result, expected, rtol=1e-9):
            return f"{outcome['result']!s:.200} instead of {expected!s:.200}"
        return None

    def _model(self, uri: str) -> tuple[mlflow.pyfunc.PyFuncModel, Mapping[str, str]]:
        if uri not in self._models:
            mlflow.set_tracking_uri(self._addresses.mlflow)
            loaded = mlflow.pyfunc.load_model(uri)
            run = mlflow.MlflowClient(self._addresses.mlflow).get_run(str(loaded.metadata.run_id))
            self._models[uri] = loaded, run.data.params
        return self._models[uri]

    def _workspace(self) -> WorkspaceClient:
        return WorkspaceClient(host=self._addresses.databricks, token="local", auth_type="pat")  # no secret


def _succeeded(run: BaseRun) -> bool:
    return run.state is not None and run.state.result_state == RunResultState.SUCCESS


def _overlap(runs: Sequence[BaseRun]) -> bool:
    """Whether one run began before the one before it had ended."""
    ordered = sorted(runs, key=lambda run: run.start_time or 0)
    return any(not before.end_time or (after.start_time or 0) < before.end_time for before, after in pairwise(ordered))
