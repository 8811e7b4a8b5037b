"""JSON rows to what a model is given, by the model's signature and without loss."""

from functions.run_model.rows.fitted import fitted_columns
from functions.run_model.rows.reader import ModelInput, RowReader

__all__ = ["ModelInput", "RowReader", "fitted_columns"]
