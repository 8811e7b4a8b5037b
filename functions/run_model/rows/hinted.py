"""Rows for a PythonModel whose signature comes from its type hint: a list of what the hint names."""

from typing import TYPE_CHECKING, Any

from functions.run_model.rows.nested import nested_reader
from functions.run_model.rows.refusals import Refusals, WrongValue, refused
from functions.run_model.rows.tables import Body
from functions.run_model.rows.typed import Found

if TYPE_CHECKING:
    from mlflow.types import Schema


class HintedRows:
    """Checks each row by the signature and passes it on as it came: MLflow makes of it what the hint says."""

    known: frozenset[str] = frozenset()
    exact = False

    def __init__(self, schema: "Schema") -> None:
        self._reader = nested_reader(schema.inputs[0].type, True)

    def read(self, body: Body) -> Found:
        """Raises InputRefused."""
        rows = body.payload
        if body.form == "split" or not isinstance(rows, list) or not rows:
            raise refused("the model takes a list of rows: send it plainly, or as inputs")
        wrong = Refusals()
        for number, row in enumerate(rows):
            try:
                self._reader(row)
            except WrongValue as error:
                wrong.add(f"row {number}: {error}")
        wrong.raise_if_any()
        return rows, ()


def is_hinted(signature: Any) -> bool:
    """True if MLflow made the signature of a type hint: then it enforces the hint instead of the signature.

    The attribute is private in mlflow 3.17, which says it in no other way; test_hinted.py fails when it is renamed.
    """
    return bool(getattr(signature, "_is_signature_from_type_hint", False))
