"""The check of a model that was just loaded: a few rows alone, together and in another order."""

import json
import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.errors import OnDemandError
from functions.run_model.independence import Proof, Scored, difference, order_difference

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel
    from mlflow.types import DataType, Schema

    from functions.run_model.scoring import Scorer

logger = logging.getLogger(__name__)

ROWS = 3
TIME_S = 0.1
"""A model that takes longer for these few rows is left to the check of its first merged calls."""
_VALUES: dict[str, tuple[Any, ...]] = {
    "double": (0.5, -1.25, 3.0),
    "float": (0.5, -1.25, 3.0),
    "long": (0, 1, 3),
    "integer": (0, 1, 3),
    "boolean": (True, False, True),
    "string": ("a", "b", ""),
    "binary": ("YQ==", "Yg==", ""),
}


def example_records(model: "PyFuncModel", folder: Path) -> list[dict[str, Any]]:
    """Rows to try a model with: of its input example, else made up by its signature; none if there is neither."""
    schema = model.metadata.get_input_schema()
    made_up = [] if schema is None else _made_up(schema)
    return _from_input_example(model, folder) or made_up


def check_example(scorer: "Scorer", records: list[dict[str, Any]], proof: Proof) -> float:
    """Turn merging off if these rows give other results together, or in another order, than alone.

    Rows that the model refuses prove nothing. Returns the seconds of the last call, infinity if there was none.
    """
    if proof.off is not None or len(records) < 2:
        return math.inf
    try:
        reason, seconds = _disproof(scorer, records)
    except OnDemandError as error:
        logger.info("the example rows prove nothing: %s", error.title)
        return math.inf
    if reason:
        proof.disprove(reason)
    return seconds


def _disproof(scorer: "Scorer", records: list[dict[str, Any]]) -> tuple[str | None, float]:
    until = time.monotonic() + TIME_S
    alone: dict[int, Scored] = {}
    seconds = math.inf
    for number, record in enumerate(records):
        began = time.monotonic()
        alone[number] = scorer.score([record])
        seconds = time.monotonic() - began
        if began + seconds > until:
            return None, seconds
    sizes = [1] * len(records)
    merged = scorer.score(records)
    reason = difference(merged, sizes, alone) or order_difference(merged, sizes, scorer.score(records[::-1]))
    return reason, seconds


def _from_input_example(model: "PyFuncModel", folder: Path) -> list[dict[str, Any]]:
    """The first rows of the example that was logged with the model, where there are several."""
    try:
        text = model.metadata.get_serving_input(str(folder))
        split = json.loads(text)["dataframe_split"] if text else {}
        rows = [dict(zip(split["columns"], row, strict=True)) for row in split["data"][:ROWS]] if split else []
    except Exception as error:  # noqa: BLE001  # an example is a courtesy, and this one cannot be read
        logger.info("the input example cannot be read: %s", type(error).__name__)
        return []
    return rows if len(rows) > 1 else []


def _made_up(schema: "Schema") -> list[dict[str, Any]]:
    if schema.is_tensor_spec() or not schema.has_input_names():
        return []
    values = {str(column.name): _values(column.type) for column in schema.inputs}
    if not all(values.values()):
        return []
    # Shifted from column to column, so that no two columns are the same.
    return [
        {name: given[(row + shift) % ROWS] for shift, (name, given) in enumerate(values.items())} for row in range(ROWS)
    ]


def _values(kind: "DataType | object") -> tuple[Any, ...]:
    return _VALUES.get(getattr(kind, "name", ""), ())
