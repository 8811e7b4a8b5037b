"""Reads the rows of a request for one model. Blocks; use a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from functions.run_model.rows.fast import DoubleFrames
from functions.run_model.rows.hinted import HintedRows, is_hinted
from functions.run_model.rows.names import UnknownColumns
from functions.run_model.rows.params import read_params
from functions.run_model.rows.signatureless import AnyColumns, FittedColumns
from functions.run_model.rows.tables import Body, body
from functions.run_model.rows.typed import Found, NamedColumns, NamedTensors, UnnamedColumns, UnnamedTensor

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema


@dataclass(frozen=True)
class ModelInput:
    """The input of ``predict`` of a PyFuncModel.

    ``data`` is a DataFrame, an ndarray or a dict of ndarrays. ``params`` are the checked ones that were given.
    ``ignored_columns`` are the first of the columns that the model does not know. ``exact``: MLflow's enforcement of
    the signature would make of ``data`` the same again, so it may be skipped. ``is_array``: ``data`` is the array of
    such a frame, in the order of memory that pandas gives it.
    """

    data: Any
    params: dict[str, Any] | None = None
    ignored_columns: tuple[str, ...] = ()
    exact: bool = False
    is_array: bool = False


class _Reader(Protocol):
    """``known`` are the names of the model's columns; ``exact`` is as for ModelInput."""

    @property
    def known(self) -> frozenset[str]: ...
    @property
    def exact(self) -> bool: ...
    def read(self, body: Body, /) -> Found: ...


class RowReader:
    """Reads rows by the signature, or without one by the columns that the model was fitted with."""

    def __init__(
        self,
        signature: "ModelSignature | None",
        fitted_columns: Sequence[str] = (),
        unknown_columns: UnknownColumns = "name",
    ) -> None:
        schema: Schema | None = signature.inputs if signature is not None else None
        self._doubles = DoubleFrames(schema)
        self._reader = (
            HintedRows(schema) if schema and is_hinted(signature) else _reader(schema, fitted_columns, unknown_columns)
        )
        self._params = signature.params if signature is not None else None
        self.double_columns = tuple(self._doubles.columns)
        """The columns, if all of them are doubles."""

    def read(self, rows: Any, as_array: bool = False) -> ModelInput:
        """Raises InputRefused with the offending places, at most 20 of them.

        ``as_array`` leaves the array of plain records of doubles an array; whatever has to be read value by value is
        a frame all the same.
        """
        if (values := self._doubles.array(rows)) is not None:
            if as_array:
                return ModelInput(values.copy(order="F"), exact=True, is_array=True)
            return ModelInput(self._doubles.frame(values), exact=True)
        given = body(rows, self._reader.known)
        params = read_params(given.params, self._params)
        data, ignored = self._reader.read(given)
        return ModelInput(data, params, ignored, self._reader.exact)


def _reader(schema: "Schema | None", fitted: Sequence[str], unknown: UnknownColumns) -> _Reader:
    if schema is None:
        return FittedColumns(fitted, unknown) if fitted else AnyColumns()
    if schema.is_tensor_spec():
        return NamedTensors(schema, unknown) if schema.has_input_names() else UnnamedTensor(schema)
    return NamedColumns(schema, unknown) if schema.has_input_names() else UnnamedColumns(schema)
