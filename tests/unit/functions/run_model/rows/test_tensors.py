"""Tensors by the signature."""

from typing import Any

import numpy as np
import pytest
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from tests.unit.functions.run_model.rows.models import as_the_model_reads, told

IMAGE = ModelSignature(
    Schema([TensorSpec(np.dtype("f4"), (-1, 2, 2), "image"), TensorSpec(np.dtype("i8"), (-1,), "n")])
)


def test_tensors_by_name_in_every_form() -> None:
    image = [[1, 2], [3, 4]]
    forms: list[Any] = [
        {"inputs": {"image": [image], "n": [5]}},
        {"instances": [{"image": image, "n": 5}]},
        {"dataframe_records": [{"image": [1, 2, 3, 4], "n": 5}]},
        {"dataframe_split": {"columns": ["n", "image"], "data": [[5, image]]}},
        {"n": 5, "image": image},
    ]
    for asked in forms:
        found = as_the_model_reads(asked, IMAGE)
        assert {name: (str(each.dtype), each.tolist()) for name, each in found.items()} == {
            "image": ("float32", [[[1.0, 2.0], [3.0, 4.0]]]),
            "n": ("int64", [5]),
        }


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"image": [[[1, 2], [3]]], "n": [1]}, "tensor image, lists within one tensor differ in length: 1 and 2"),
        ({"image": [[[1, 2]]], "n": [1]}, "tensor image, the shape is (1, 1, 2), and the signature has (-1, 2, 2)"),
        ({"image": [[[1, 2], [3, "x"]]], "n": [1]}, 'tensor image, row 0, [1][1]: "x" is not a number'),
        ({"image": [[[1, 2], [3, [4]]]], "n": [1]}, "tensor image, there are values beside lists within one tensor"),
        ({"image": [], "n": [1]}, "tensor image, there are no rows"),
        ({"image": [[[1, 2], [3, 4]]], "n": [1.5]}, "tensor n, row 0: 1.5 is not a whole number"),
        ({"image": [[[1, 2], [3, 4]]]}, "the column 'n' is missing"),
    ],
)
def test_tensors_that_do_not_fit(tensors: dict[str, Any], message: str) -> None:
    assert told(IMAGE, {"inputs": tensors}) == [message]


def test_records_are_the_rows_of_an_unnamed_tensor() -> None:
    of = ModelSignature(Schema([TensorSpec(np.dtype("f8"), (-1, 2))]))
    assert as_the_model_reads([{"a": 1, "b": 2}], of).tolist() == [[1.0, 2.0]]
    assert "different orders" in told(of, [{"a": 1, "b": 2}, {"b": 2, "a": 1}])[0]
    assert told(of, [{"0": 1, "1": 2}, {"0": 1}]) == ["row 1 lacks '1', which others have"]


def test_list_for_two_tensors_is_refused() -> None:
    assert told(IMAGE, {"instances": [1, 2]}) == ["the model's tensors have names: send inputs as an object of them"]
