"""JSON of objects with fields, of scipy's sparse matrices, and of the tensors of other libraries."""

import dataclasses
import math
import sys
from typing import Any

from pydantic import BaseModel

from functions.run_model.json_values.converter import MAX_CELLS, Converter, NoJson, check_depth, type_name


def other_object(value: Any, depth: int, converter: Converter) -> Any:
    """Of what no table of types has. Raises NoJson for all but those named above."""
    if isinstance(value, BaseModel):
        return converter.value(value.model_dump(warnings=False), depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return converter.object(fields, value, depth)
    check_depth(value, depth)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(value):
        return converter.value(_dense(value), depth)
    # A tensor is here only if its library is loaded already: nothing is imported for it.
    match str(type(value).__module__).split(".")[0]:
        case "torch" if hasattr(value, "detach") and hasattr(value, "tolist"):
            converter.spend(2 * value.numel())
            return converter.value(value.detach().cpu().tolist(), depth)
        case "tensorflow" if hasattr(value, "numpy"):
            return converter.value(value.numpy(), depth)
    raise NoJson(type_name(value))


def _dense(value: Any) -> Any:
    if math.prod(value.shape) > MAX_CELLS:
        raise NoJson(type_name(value), f"of more than {MAX_CELLS:,} cells is too large to be written out")
    return value.toarray()
