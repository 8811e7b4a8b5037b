"""Loading a model from its folder. Blocks; call it in a thread, one load at a time (see `functions.run_model.loader`).

Loading a model runs its code: the control is who may write to the model store, and which flavours the catalog allows.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.catalog import ModelType
from functions.errors import ModelNotLoaded
from functions.run_model.examples import example_records
from functions.run_model.exceptions import describe
from functions.run_model.lookup import Found
from functions.run_model.mlmodel import check_allowed
from functions.run_model.model_folder import size_of
from functions.run_model.scoring import MAX_RESULT_BYTES, Scorer

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

logger = logging.getLogger(__name__)

MEMORY_FACTOR = 4
"""A loaded model is taken to need this many times its size on disk (compressed trees are the worst case seen)."""
MEMORY_FLOOR = 64 * 1024


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory and its estimated ``size`` in bytes."""

    found: Found
    scorer: Scorer
    size: int
    example: list[dict[str, Any]]
    """Rows to try the model with; none if it has neither an input example nor a signature to make them up by."""


def load_model(found: Found, path: Path, entry: ModelType, max_result_bytes: int = MAX_RESULT_BYTES) -> LoadedModel:
    """The model in this folder. Raises ModelRefused, ModelNotLoaded."""
    check_allowed(path, entry)
    pyfunc = _load(found, path, entry)
    example = example_records(pyfunc, path)
    scorer = Scorer(pyfunc, entry, max_result_bytes)
    return LoadedModel(found, scorer, size_of(path) * MEMORY_FACTOR + MEMORY_FLOOR, example)


def _load(found: Found, path: Path, entry: ModelType) -> "PyFuncModel":
    """Raises ModelNotLoaded, whatever the model's own code raises."""
    import mlflow.models.model
    import mlflow.pyfunc

    try:
        # A code file that sets no model would be given the one that was loaded before: the variable is private in
        # mlflow 3.17, which never resets it. Without this line `test_code_that_sets_no_model_is_not_given_the_one_
        # loaded_before` fails; when it passes, the line can go.
        mlflow.models.model.__mlflow_model__ = None
        return mlflow.pyfunc.load_model(str(path), suppress_warnings=True)
    except BaseException as error:  # unpickling runs any code of the model's
        logger.warning("loading %s", found.uri, exc_info=error)
        raise ModelNotLoaded(f"{found.uri} cannot be loaded: {_reason(error, entry)}") from error


def _reason(error: BaseException, entry: ModelType) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    if isinstance(cause, ModuleNotFoundError) and isinstance(cause.name, str):
        return f"it needs the Python module {cause.name[:100]!r}, which is not installed here"
    return describe(error, entry.expose_errors)
