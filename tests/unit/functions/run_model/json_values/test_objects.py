"""Other libraries' objects."""

from typing import Any

import numpy as np
import pytest

from functions.run_model.json_values import NoJson, json_value


def tensor_of(package: str, **methods: Any) -> Any:
    """An object of a class that says it is of *package*: neither library is among the development requirements."""
    kind = type("Tensor", (), {"__module__": f"{package}.framework", **methods})
    return kind()


def test_tensors_of_torch_are_their_values() -> None:
    tensor = tensor_of(
        "torch",
        detach=lambda self: self,
        cpu=lambda self: self,
        tolist=lambda self: [[0.5, float("nan")]],
        numel=lambda self: 2,
    )
    assert json_value({"y": tensor}) == {"y": [[0.5, None]]}


def test_tensors_of_tensorflow_are_their_values() -> None:
    assert json_value([tensor_of("tensorflow", numpy=lambda self: np.float32(0.5))]) == [0.5]


def test_tensors_that_hold_themselves_are_refused() -> None:
    tensor = tensor_of("tensorflow", numpy=lambda self: self)
    with pytest.raises(NoJson, match="Tensor cannot be read: RecursionError"):
        json_value(tensor)


@pytest.mark.parametrize("package", ["torchaudio", "jax", "polars"])
def test_other_libraries_objects_are_refused(package: str) -> None:
    tensor = tensor_of(package, detach=lambda self: self, tolist=lambda self: [1], numpy=lambda self: 1)
    with pytest.raises(NoJson) as refused:
        json_value(tensor)
    assert refused.value.type_name == f"{package}.framework.Tensor"
