"""What a user of the API has at hand: HTTP, and MLflow and Databricks to look behind the scenes."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import httpx
import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import BaseRun
from mlflow.models import infer_signature
from sklearn.linear_model import ElasticNet

from functions.catalog import load_catalog
from functions.contracts import Operation, utc_now
from functions.operations import Operations, open_store
from functions.parameters import canonical_parameters, training_key
from functions.settings import catalog_path
from ondemand.stack.addresses import Addresses

PATIENCE_S = 60
"""The longest that one request may wait."""
OUTCOME_S = 240
"""The longest that an operation may take on a busy machine: retries, a training and first imports."""
WINE_ROW: dict[str, float] = {
    "alcohol": 12.8, "chlorides": 0.029, "citric_acid": 0.48, "density": 0.98, "fixed_acidity": 6.2,
    "free_sulfur_dioxide": 29, "pH": 3.33, "residual_sugar": 1.2, "sulphates": 0.39, "total_sulfur_dioxide": 75,
    "volatile_acidity": 0.66,
}  # fmt: skip
WINE_EXPERIMENT = "/Shared/mlflow-ondemand/experiments/wine"


def wine(rows: Any = WINE_ROW, **parameters: object) -> dict[str, Any]:
    """The wine request of the API's documentation with these parameters."""
    return {"runId": None, "modelType": "WINE", "modelParameters": parameters, "predictionParameters": rows}


def wine_key(**parameters: object) -> str:
    values, errors = canonical_parameters(load_catalog(catalog_path()).models["wine"].parameters, parameters)
    assert not errors
    return training_key("wine", values)


class Client:
    def __init__(self, url: str, addresses: Addresses) -> None:
        self.http = httpx.AsyncClient(base_url=url, timeout=PATIENCE_S + 10, limits=httpx.Limits(max_connections=100))
        self.addresses = addresses
        self.mlflow = mlflow.MlflowClient(tracking_uri=addresses.mlflow)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def predict(self, body: Any, wait: int | None = None, **headers: str) -> httpx.Response:
        prefer = {} if wait is None else {"Prefer": f"wait={wait}"}
        return await self.http.post("/predict", json=body, headers=prefer | headers)

    async def begin(self, operation: str) -> None:
        """Make an operation visible as its 202 does; a poll of any other is 404."""
        expires_at = utc_now() + timedelta(hours=1)
        pending = Operation(operation_id=operation, status="pending", expires_at=expires_at)
        await Operations(open_store(self.addresses.operations)).begin(pending)

    async def outcome(self, run_id: str, url: str | None = None) -> dict[str, Any]:
        """Long-poll until the operation is finished; raises TimeoutError when it is not in time."""
        async with asyncio.timeout(OUTCOME_S):
            while True:
                response = await self.http.get(
                    f"{url or ''}/predict/{run_id}", headers={"Prefer": f"wait={PATIENCE_S}"}, timeout=PATIENCE_S + 10
                )
                if response.status_code != 202:
                    break
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    async def databricks_runs(self, key: str) -> Sequence[BaseRun]:
        """The Databricks runs that were started for a training key, old ones included."""
        runs = await asyncio.to_thread(lambda: list(_workspace(self.addresses.databricks).jobs.list_runs()))
        return [run for run in runs if key[:12] in str(run.run_name)]

    async def own_prediction(self, model_uri: str, rows: Sequence[Mapping[str, float]]) -> list[float]:
        """What the model itself says, loaded without any of our code."""

        def predict() -> list[float]:
            mlflow.set_tracking_uri(self.addresses.mlflow)
            model = mlflow.sklearn.load_model(model_uri)
            return [float(value) for value in model.predict(pd.DataFrame(rows)[list(model.feature_names_in_)])]

        return await asyncio.to_thread(predict)

    async def log_by_hand(self, parameters: Mapping[str, str], model_name: str = "model") -> str:
        """Log a wine model as a data scientist's notebook would; its model id."""

        def log() -> str:
            mlflow.set_tracking_uri(self.addresses.mlflow)
            mlflow.set_experiment(WINE_EXPERIMENT)
            features = pd.DataFrame(np.random.default_rng(1).random((50, len(WINE_ROW))), columns=sorted(WINE_ROW))
            model = ElasticNet(alpha=0.01).fit(features, features["alcohol"] * 7)
            with mlflow.start_run():
                mlflow.log_params(dict(parameters))
                logged = mlflow.sklearn.log_model(
                    model,
                    name=model_name,
                    signature=infer_signature(features, model.predict(features)),
                    pip_requirements=["scikit-learn"],
                )
            return str(logged.model_id)

        return await asyncio.to_thread(log)


def _workspace(host: str) -> WorkspaceClient:
    token = os.environ.get("DATABRICKS_TOKEN", "local")
    return WorkspaceClient(host=host, token=token, auth_type="pat")
