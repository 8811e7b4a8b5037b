"""The MLflow client: imported late, with settings that fit a service; its failures are one error.

mlflow is imported at the first call (1.1 to 1.6 s, 164 MB). All functions here block; call them in a thread.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import yaml

from functions.errors import Unavailable
from functions.upstream.imports import collector_off

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

T = TypeVar("T")
GONE = frozenset({"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"})
"""Error codes of MLflow for a thing that is deleted or never was. (A proxy's plain 404 is ENDPOINT_NOT_FOUND.)"""
NO_SUCH_ID = GONE | {"INVALID_PARAMETER_VALUE"}
"""Ids that others wrote need not even look like ids."""
GONE_OR_HIDDEN = NO_SUCH_ID | {"PERMISSION_DENIED"}
_importing = threading.Lock()


@contextmanager
def asking_mlflow() -> Iterator[None]:
    """Raises Unavailable for whatever keeps MLflow from answering."""
    import_mlflow()
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException, OSError) as error:
        logger.warning("MLflow: %s: %s", type(error).__name__, error)
        raise Unavailable("MLflow cannot be asked.") from error


def unless(codes: frozenset[str], ask: Callable[[str], T], name: str) -> T | None:
    """The answer of MLflow to ``ask(name)``; None when it answers with an error of these codes."""
    from mlflow.exceptions import MlflowException

    try:
        return ask(name)
    except MlflowException as error:
        if error.error_code not in codes:
            raise
        return None


def import_mlflow() -> None:
    """Import mlflow with settings that fit a service: short waits, no telemetry, no progress bars.

    One thread at a time: another one that imports it meanwhile would find it half initialised, because its modules
    import each other in circles. A process that starts because messages wait has look-ups and its readiness probe at
    the same moment.
    """
    with _importing:
        _import_mlflow()


@functools.cache
def _import_mlflow() -> None:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with collector_off():
        import mlflow.artifacts
        import mlflow.pyfunc  # noqa: F401  # for its side effect: the slow imports are over
    # mlflow 3.17 reads an MLmodel file three times to load it, by `yaml.safe_load`, which takes nine tenths of the time
    # unless it is the parser of libyaml. `test_mlflow_reads_yaml_with_libyaml` checks it; it can go when mlflow uses
    # CSafeLoader itself. (Brackets nested by ten thousands end the process, as any author of a model can.)
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]  # a type


def mlflow_client(tracking_uri: str) -> "MlflowClient":
    """A new client of this tracking server."""
    import_mlflow()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri)
