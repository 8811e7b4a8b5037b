"""The check of a loaded model by a few rows."""

import warnings
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

from functions.run_model.examples import check_example, example_records
from functions.run_model.independence import Proof
from functions.run_model.scoring import Scorer
from tests.unit.functions.run_model.models import entry

DOUBLE = ModelSignature(Schema([ColSpec("double", "a")]))


class BatchMean(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    def predict(self, features: Any) -> Any:
        return (features["a"] - features["a"].mean()).to_numpy()


class Forecast(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Three steps, however many rows: as many values as there are example rows."""

    def predict(self, features: Any) -> Any:
        return features["a"].iloc[0] + np.array([1.0, 2.0, 3.0])


class Sorted(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    def predict(self, features: Any) -> Any:
        return np.sort(features["a"])


class Refusing(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    def predict(self, features: Any) -> Any:
        raise ValueError("unknown category")


def logged(model: Any, folder: Path, signature: ModelSignature | None = DOUBLE, **options: Any) -> PyFuncModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about signatures that are missing on purpose
        mlflow.sklearn.save_model(
            model,
            folder,
            serialization_format="cloudpickle",
            signature=signature,
            pip_requirements=["scikit-learn"],
            **options,
        )
        return mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)


def checked(model: PyFuncModel, folder: Path) -> Proof:
    proof = Proof(None)
    check_example(Scorer(model, entry()), example_records(model, folder), proof)
    return proof


@pytest.mark.parametrize("model", [BatchMean(), Forecast(), Sorted()], ids=lambda model: type(model).__name__)
def test_rows_made_up_by_the_signature_find_dependent_rows(tmp_path: Path, model: Any) -> None:
    assert checked(logged(model, tmp_path), tmp_path).off is not None


def test_a_row_wise_model_passes(tmp_path: Path) -> None:
    model = LinearRegression().fit(pd.DataFrame({"a": [1.0, 2.0]}), [1.0, 2.0])
    loaded = logged(model, tmp_path)
    assert len(example_records(loaded, tmp_path)) == 3
    assert checked(loaded, tmp_path).off is None


def test_rows_that_the_model_refuses_prove_nothing(tmp_path: Path) -> None:
    assert checked(logged(Refusing(), tmp_path), tmp_path).off is None


def test_the_input_example_is_taken_where_there_is_one(tmp_path: Path) -> None:
    model = LinearRegression().fit(pd.DataFrame({"a": [1.0, 2.0]}), [1.0, 2.0])
    loaded = logged(model, tmp_path, input_example=pd.DataFrame({"a": [7.0, 8.0]}))
    assert example_records(loaded, tmp_path) == [{"a": 7.0}, {"a": 8.0}]


@pytest.mark.parametrize(
    "signature",
    [
        None,
        ModelSignature(Schema([ColSpec("datetime", "t")])),
        ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 2))])),
    ],
)
def test_nothing_is_made_up_for_dates_and_tensors(tmp_path: Path, signature: ModelSignature | None) -> None:
    model = LinearRegression().fit(pd.DataFrame({"a": [1.0, 2.0]}), [1.0, 2.0])
    assert example_records(logged(model, tmp_path, signature), tmp_path) == []
