"""Models logged as a data scientist's notebook would, without a training."""

import asyncio
from collections.abc import Mapping
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # it has no types
import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LinearRegression

from ondemand.stack.addresses import Addresses
from tests.harness import acting

WINE_COLUMNS = (
    *("alcohol", "chlorides", "citric_acid", "density", "fixed_acidity", "free_sulfur_dioxide", "pH"),
    *("residual_sugar", "sulphates", "total_sulfur_dioxide", "volatile_acidity"),
)
WINE_EXPERIMENT = "/Shared/mlflow-ondemand/experiments/wine"
ACTING_EXPERIMENT = "/Shared/tests/experiments/acting"
ACTING_COLUMNS = ("act", "tag")


async def log_wine(addresses: Addresses, alpha: float, l1_ratio: float = 0.5) -> str:
    """Log a wine model of its own coefficients for these parameters; its model id."""
    random = np.random.default_rng(round(alpha * 1000))
    features = pd.DataFrame(random.random((50, len(WINE_COLUMNS))), columns=list(WINE_COLUMNS))
    model = LinearRegression().fit(features, features @ random.random(len(WINE_COLUMNS)) + alpha)
    parameters = {"alpha": str(alpha), "l1_ratio": str(l1_ratio)}
    return await _log(addresses, WINE_EXPERIMENT, parameters, model, WINE_COLUMNS)


async def log_acting(addresses: Addresses, name: str, journal: str, answer: float = 0.0) -> str:
    """Log a model that does what its row says, and writes each prediction to the file *journal*; its model id."""
    cloudpickle.register_pickle_by_value(acting)
    model = acting.ActingModel(journal, answer)
    return await _log(addresses, ACTING_EXPERIMENT, {"name": name}, model, ACTING_COLUMNS)


async def _log(
    addresses: Addresses, experiment: str, parameters: Mapping[str, str], model: Any, columns: tuple[str, ...]
) -> str:
    def log() -> str:
        mlflow.set_tracking_uri(addresses.mlflow)
        with mlflow.start_run(experiment_id=mlflow.set_experiment(experiment).experiment_id):
            mlflow.log_params(dict(parameters))
            logged = mlflow.sklearn.log_model(
                model,
                name="model",
                signature=ModelSignature(Schema([ColSpec("double", column) for column in columns])),
                serialization_format="cloudpickle",
                pip_requirements=["scikit-learn"],
            )
        return str(logged.model_id)

    return await asyncio.to_thread(log)
