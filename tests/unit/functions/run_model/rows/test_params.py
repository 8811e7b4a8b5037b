"""Parameters of a prediction."""

import datetime
from typing import Any

import pytest
from mlflow.types import ColSpec, ParamSchema, ParamSpec
from mlflow.types.schema import Object, Property

from functions.run_model.rows import RowReader
from tests.unit.functions.run_model.rows.models import ABC, Echo, echo, signature, told

PARAMS = signature(
    ColSpec("double", "a"),
    params=ParamSchema(
        [
            ParamSpec("top_k", "long", 3),
            ParamSpec("width", "integer", 1),
            ParamSpec("scale", "double", 0.5),
            ParamSpec("small", "float", 0.5),
            ParamSpec("name", "string", "x"),
            ParamSpec("exact", "boolean", False),
            ParamSpec("since", "datetime", datetime.datetime(2024, 1, 1)),
            ParamSpec("stops", "string", ["x"], (-1,)),
            ParamSpec("options", Object([Property("n", "long")]), {"n": 1}),
        ]
    ),
)


GIVEN = {
    "top_k": 5.0,
    "width": "2",
    "scale": 1,
    "small": 0.5,
    "name": "y",
    "exact": "TRUE",
    "since": "2024-01-02T03:04:05+01:00",
    "stops": [],
    "options": {"n": 2},
}


@pytest.mark.parametrize(
    "asked",
    [
        {"dataframe_records": [{"a": 1}]},
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
        {"instances": [{"a": 1}]},
        {"inputs": {"a": [1]}},
    ],
)
def test_params_come_with_every_form(asked: dict[str, Any]) -> None:
    found = RowReader(PARAMS).read({**asked, "params": GIVEN})
    assert found.params == {
        "top_k": 5,
        "width": 2,
        "scale": 1.0,
        "small": 0.5,
        "name": "y",
        "exact": True,
        "since": datetime.datetime(2024, 1, 2, 2, 4, 5),
        "stops": [],
        "options": {"n": 2},
    }
    model = echo(PARAMS)
    model.predict(found.data, found.params)
    seen = model._model_impl
    assert isinstance(seen, Echo)
    assert seen.params == found.params
    assert RowReader(PARAMS).read(asked).params is None
    assert RowReader(PARAMS).read({**asked, "params": {}}).params is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"topk": 1},
            "params: the model has no 'topk'; it has exact, name, options, scale, since, small, stops, top_k, width",
        ),
        ({"top_k": 1.5}, "params, top_k: 1.5 is not a whole number"),
        ({"top_k": None}, "params, top_k: null is not a whole number, and the signature requires a value"),
        ({"width": 2**31}, "params, width: 2147483648 does not fit 32 bits"),
        ({"exact": 1}, "params, exact: 1 is not true or false"),
        ({"name": 1}, "params, name: 1 is not text: send it in quotes"),
        ({"stops": "x"}, 'params, stops: "x" is not a list'),
        ({"options": {}}, "params, options: the property 'n' is missing"),
        ([1], "params is an object, not a list"),
    ],
)
def test_params_that_do_not_fit(params: Any, message: str) -> None:
    assert told(PARAMS, {"dataframe_records": [{"a": 1}], "params": params}) == [message]


def test_params_for_a_model_without_any_are_refused() -> None:
    for of in (ABC, None):
        assert told(of, {"dataframe_records": [dict.fromkeys("abc", 1)], "params": {"k": 1}}) == [
            "the model takes no params"
        ]


def test_date_of_params_has_microseconds() -> None:
    (message,) = told(PARAMS, {"inputs": {"a": [1.5]}, "params": {"since": "2024-01-01T00:00:00.000000001"}})
    assert "dates of params have microseconds" in message
