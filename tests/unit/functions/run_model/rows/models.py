"""A real PyFuncModel that answers with what it is given, so that what MLflow makes of it can be seen."""

from typing import Any

import pandas as pd
import pytest
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, ParamSchema, Schema

from functions.errors import InputRefused
from functions.run_model.rows import ModelInput, RowReader


class Echo:
    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        self.params = params
        return data


def echo(signature: ModelSignature | None) -> PyFuncModel:
    flavors = {"python_function": {"loader_module": "echo", "predict_fn": "predict"}}
    return PyFuncModel(Model(signature=signature, flavors=flavors), Echo())


def signature(*columns: ColSpec, params: ParamSchema | None = None) -> ModelSignature:
    return ModelSignature(inputs=Schema(list(columns)), params=params)


def as_the_model_reads(asked: Any, of: ModelSignature) -> Any:
    """Read by us and checked by MLflow."""
    found: ModelInput = RowReader(of).read(asked)
    return echo(of).predict(found.data, found.params)


ABC = signature(*(ColSpec("double", name) for name in "abc"))


MIXED = signature(ColSpec("double", "a"), ColSpec("long", "b", required=False), ColSpec("string", "c", required=False))


def told(of: ModelSignature | None, asked: Any, **options: Any) -> list[str]:
    with pytest.raises(InputRefused) as caught:
        RowReader(of, **options).read(asked)
    assert caught.value.status == 422
    return [error.message for error in caught.value.errors]


def read(of: ModelSignature | None, asked: Any, **options: Any) -> pd.DataFrame:
    found = RowReader(of, **options).read(asked).data
    assert isinstance(found, pd.DataFrame)
    return found
