"""Clients of one real model at once: each gets what the model gives for its rows alone."""

import asyncio
import warnings
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import orjson
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier

from functions.errors import InputRefused
from functions.run_model.examples import example_records
from functions.run_model.loading import LoadedModel
from functions.run_model.lookup import Found
from functions.run_model.scoring import Scorer
from functions.run_model.served_model import ServedModel
from functions.run_model.threads import Threads
from tests.unit.functions.run_model.models import entry

RANDOM = np.random.default_rng(0)
FEATURES = pd.DataFrame(RANDOM.normal(size=(200, 2)).round(1), columns=["a", "b"])
SIGNATURE = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")]))


def served(model: Any, folder: Path, merging: str | None = None) -> tuple[ServedModel, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickle
        mlflow.sklearn.save_model(
            model, folder, serialization_format="cloudpickle", signature=SIGNATURE, pip_requirements=["scikit-learn"]
        )
    pyfunc = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
    loaded = LoadedModel(Found("m-1", None, merging), Scorer(pyfunc, entry()), 1, example_records(pyfunc, folder))
    return ServedModel(loaded, 1000, lambda reason: None, Threads("predict", 4, 30)), pyfunc


@pytest.mark.parametrize(
    ("model", "merged"),
    [
        (LinearRegression(), True),
        (RandomForestRegressor(5, random_state=0), True),
        (DummyClassifier(strategy="stratified", random_state=1), False),
        (KNeighborsClassifier(1, algorithm="brute"), False),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_client_gets_its_own_answer(tmp_path: Path, model: Any, merged: bool) -> None:
    target = [0] * 190 + [1] * 10
    serving, pyfunc = served(model.fit(FEATURES, target), tmp_path)
    assert (serving.merging_off is None) is merged
    for _ in range(3):
        rows = [{"a": float(a), "b": float(b)} for a, b in RANDOM.normal(size=(60, 2)).round(2)]
        answers = await asyncio.gather(*(serving.predict([row]) for row in rows))
        expected = [pyfunc.predict(pd.DataFrame([row])).tolist() for row in rows]
        assert [orjson.loads(bytes(answer.result)) for answer in answers] == [pytest.approx(each) for each in expected]
    assert (serving.merging_off is None) is merged


async def test_a_model_whose_proof_failed_before_is_not_merged(tmp_path: Path) -> None:
    serving, _ = served(LinearRegression().fit(FEATURES, FEATURES["a"]), tmp_path, "its rows depend on each other")
    assert serving.merging_off == "its rows depend on each other"


@pytest.mark.parametrize("columns", [[["a"], "b"], [{"a": 1}, "b"], [None, "b"], [1.5, "b"]])
async def test_odd_names_of_columns_are_refused(tmp_path: Path, columns: Any) -> None:
    serving, _ = served(LinearRegression().fit(FEATURES, FEATURES["a"]), tmp_path)
    with pytest.raises(InputRefused):
        await serving.predict({"dataframe_split": {"columns": columns, "data": [[1, 2]]}})
