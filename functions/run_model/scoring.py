"""Scoring as MLflow's own server does it: JSON to model input, predict, prediction to JSON. Blocks; use a thread."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from functions.catalog import ModelType
from functions.contracts import JsonText
from functions.errors import InputRefused, OnDemandError, PredictionFailed, ResultTooLarge
from functions.run_model.array_predict import array_predict
from functions.run_model.estimators import custom_part, loader_module, row_dependent_part
from functions.run_model.exceptions import describe, type_name
from functions.run_model.independence import Scored, bounds, take
from functions.run_model.json_values import NoJson, TooLong, json_value
from functions.run_model.merging import Answer
from functions.run_model.row_results import row_count
from functions.run_model.rows import ModelInput, RowReader, fitted_columns

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel
    from mlflow.types import Schema

MAX_MESSAGE = 2000
MAX_RESULT_BYTES = 32 * 1024 * 1024
ROWS_AT_ONCE = 10_000
"""Rows of a result that are JSON values at a time."""
_ROW_FAULTS = frozenset({"CatBoostError", "XGBoostError", "LightGBMError", "InvalidArgument"})
"""Names of what the libraries' own code raises for rows that it cannot use, beside ValueError and the like."""
_CLIENTS_FAULTS = frozenset({"INVALID_PARAMETER_VALUE", "BAD_REQUEST"})


class Scorer:
    """Predicts with one loaded model. ``float_columns`` are those that its signature makes floats."""

    def __init__(self, model: "PyFuncModel", entry: ModelType, max_result_bytes: int = MAX_RESULT_BYTES) -> None:
        self._model = model
        self._entry = entry
        self._max_result_bytes = max_result_bytes
        self._unchecked = _without_signature(model)
        self._custom = custom_part(model)
        signature = model.metadata.signature
        columns = fitted_columns(model) if signature is None or signature.inputs is None else ()
        self._reader = RowReader(signature, columns, entry.unknown_columns)
        pure = self._unchecked is not model and self._custom is None
        self._predict_array = array_predict(model, self._reader.double_columns) if pure else None
        self.float_columns = float_columns(model.metadata.get_input_schema())
        self.merging_off = _merging_off(model, entry)

    def score(self, rows: Any) -> Scored:
        """The prediction for rows. Raises InputRefused or PredictionFailed (the model's own code)."""
        return self._predict(self._reader.read(rows, as_array=self._predict_array is not None))

    def encode(self, scored: Scored, sizes: Sequence[int] | None = None) -> list[Answer]:
        """The answer, or one answer for each of the parts of so many rows. Raises PredictionFailed, ResultTooLarge."""
        try:
            if sizes is None:
                return [Answer(self._json_text(scored), scored.ignored_columns)]
            values = json_value(scored.result, self._max_result_bytes)
            parts = [values[start:stop] for start, stop in bounds(sizes)]
            return [Answer(JsonText(orjson.dumps(part)), scored.ignored_columns) for part in parts]
        except TooLong:
            raise ResultTooLarge(
                f"The result for these rows has more than {self._max_result_bytes} bytes as JSON: send fewer rows."
            ) from None
        except NoJson as error:
            raise PredictionFailed(f"The model's result cannot be answered: {error}.") from error
        except BaseException as error:  # classes of the model's own may be in its result
            raise PredictionFailed(f"The model's result cannot be answered: {describe(error, False)}.") from error

    def _json_text(self, scored: Scored) -> JsonText:
        """The result as JSON. Many rows are written some at a time: as Python's values they take ten times the memory.

        Raises NoJson, TooLong.
        """
        if scored.rows is None or scored.rows <= ROWS_AT_ONCE:
            return self._within(orjson.dumps(json_value(scored.result, self._max_result_bytes)))
        texts: list[bytes] = []
        left = self._max_result_bytes
        for start in range(0, scored.rows, ROWS_AT_ONCE):
            try:
                rows = json_value(take(scored.result, start, start + ROWS_AT_ONCE), left)
            except NoJson as error:
                if error.steps and isinstance(error.steps[0], int):
                    error.steps[0] += start
                raise
            texts.append(orjson.dumps(rows)[1:-1])
            left -= len(texts[-1]) + 1
        return self._within(b"".join((b"[", b",".join(texts), b"]")))

    def _within(self, text: bytes) -> JsonText:
        if len(text) > self._max_result_bytes:
            raise TooLong
        return JsonText(text)

    def _predict(self, given: ModelInput) -> Scored:
        try:
            result = self._result(given)
            return Scored(result, row_count(result), given.ignored_columns)
        except BaseException as error:  # a model may raise anything, SystemExit and PyO3's panics among it
            raise self._failure(error) from error

    def _result(self, given: ModelInput) -> Any:
        if given.is_array and self._predict_array is not None:
            return self._predict_array(given.data)
        # The signature would make the same frame of an exact one, which takes MLflow longer than most models.
        model = self._unchecked if given.exact and given.params is None else self._model
        return model.predict(given.data, params=given.params)

    def _failure(self, error: BaseException) -> OnDemandError:
        """The error for an exception: rows that a library's own code refuses are the client's fault."""
        from mlflow.exceptions import MlflowException

        exposed = self._entry.expose_errors or self._custom is None
        said = describe(error, exposed)
        if isinstance(error, MlflowException):
            if error.error_code in _CLIENTS_FAULTS:
                return InputRefused(f"The model refuses the rows: {said}")
        elif self._custom is None and _about_rows(error):
            return InputRefused(f"The model refuses the rows: {said}")
        more = "" if exposed else "; the service's log says more, under the operation's id"
        return PredictionFailed(f"The model raised {said}{more}.")


def _about_rows(error: BaseException) -> bool:
    return isinstance(error, ValueError | TypeError | KeyError) or type_name(error) in _ROW_FAULTS


def _merging_off(model: "PyFuncModel", entry: ModelType) -> str | None:
    """Why predictions of this model are not merged, as far as it can be known before it predicts."""
    if entry.merge == "never":
        return "the catalog says merge: never"
    if part := row_dependent_part(model):
        return f"rows are not known to be independent in {part}"
    schema = model.metadata.get_input_schema()
    return None if schema is None else _unmergeable_column(schema)


def _unmergeable_column(schema: "Schema") -> str | None:
    from mlflow.types import DataType

    if schema.is_tensor_spec():
        return "its input is a tensor"
    for column in schema.inputs:
        if not isinstance(column.type, DataType):
            return f"column {column.name} holds nested values"
        if column.type == DataType.datetime:
            return f"column {column.name} holds dates"
    return None


def _without_signature(model: "PyFuncModel") -> "PyFuncModel":
    """The same model with nothing to check, where checking only makes sure of the columns and their types."""
    from mlflow.pyfunc import PyFuncModel

    if model.metadata.get_params_schema() is not None or loader_module(model).startswith("mlflow.pyfunc."):
        return model  # parameters have defaults, and a PythonModel may want another type than a frame
    metadata = copy.copy(model.metadata)
    metadata.signature = None
    predict_fn = model.metadata.flavors["python_function"].get("predict_fn", "predict")
    # `_model_impl` is documented as a stable interface for developers (mlflow 3.17): the wrapper of a flavour with its
    # signature left out. test_scoring.py compares both; it can go when MLflow's check of a frame takes microseconds.
    return PyFuncModel(metadata, model._model_impl, predict_fn, None, model.model_id)


def float_columns(schema: "Schema | None") -> frozenset[str]:
    """The columns that the signature makes floats."""
    from mlflow.types import DataType

    if schema is None or schema.is_tensor_spec():
        return frozenset()
    return frozenset(str(column.name) for column in schema.inputs if column.type in (DataType.float, DataType.double))
