"""Models to predict with, and their catalog entry."""

from typing import Any

import orjson
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, ParamSchema, Schema

from functions.catalog import ModelType, Serverless
from functions.run_model.scoring import Scorer

DOUBLES = Schema([ColSpec("double", "a"), ColSpec("double", "b")])


def entry(**settings: Any) -> ModelType:
    return ModelType(experiment="/e", notebook="/n", parameters={}, cluster=Serverless(serverless=True), **settings)


class Calls:
    """A model whose `predict` is a function."""

    def __init__(self, predict: Any) -> None:
        self._predict = predict

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        return self._predict(data, params)


def model_of(predict: Any, schema: Schema | None = DOUBLES, params: ParamSchema | None = None) -> PyFuncModel:
    metadata = Model(
        signature=None if schema is None else ModelSignature(inputs=schema, params=params),
        flavors={"python_function": {"loader_module": "own", "predict_fn": "predict"}},
    )
    return PyFuncModel(metadata, Calls(predict))


def scorer_of(
    predict: Any, schema: Schema | None = DOUBLES, params: ParamSchema | None = None, **settings: Any
) -> Scorer:
    return Scorer(model_of(predict, schema, params), entry(**settings))


def answer(scorer: Scorer, rows: Any) -> Any:
    return orjson.loads(bytes(scorer.encode(scorer.score(rows))[0].result))
