"""Finding a trained model in MLflow. "No such model" and "cannot ask MLflow" are different outcomes.

mlflow is imported at the first call (1.1 to 1.6 s, 164 MB). All functions here block; call them in a thread.
"""

import functools
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from cachetools import TTLCache

from functions.catalog import ModelType
from functions.errors import Unavailable
from functions.imports import collector_off
from functions.parameters import ParameterValue, canonical_text, same_parameters

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

logger = logging.getLogger(__name__)

KEY_TAG = "ondemand.key"
_importing = threading.Lock()
_experiments: TTLCache[tuple[str, str], str] = TTLCache(1_000, ttl=300)
"""Experiment ids by tracking URI and name: a look-up by tag is one call then. Without a hit MLflow is asked anew, so
that an experiment that was replaced is noticed before anything is trained; its own models are found for so long."""
_experiments_lock = threading.Lock()
SCANNED_RUNS = 1000
"""Newest runs whose parameters are compared one by one when no run has the canonical spelling."""
_SAFE_IN_FILTER = re.compile(r"^[A-Za-z0-9_.+-]{1,250}$")
"""MLflow's filter language has no escaping: a value that does not match never reaches a filter string."""


@dataclass(frozen=True)
class Found:
    """A model that can be loaded by ``models:/<model_id>``."""

    model_id: str
    run_id: str | None

    @property
    def uri(self) -> str:
        return f"models:/{self.model_id}"


@dataclass(frozen=True)
class NotFound:
    """``runs_without_model``: finished runs with these parameters that logged no model of the catalog's name."""

    runs_without_model: tuple[str, ...] = ()


def find_model(
    tracking_uri: str, entry: ModelType, parameters: Mapping[str, ParameterValue], key: str
) -> Found | NotFound:
    """The newest model of these parameters: by its tag, else by the parameters of finished runs; a hit is tagged.

    Raises Unavailable when MLflow cannot be asked, whatever the reason.
    """
    import_mlflow()
    with _asking_mlflow():
        client = _client(tracking_uri)
        with _experiments_lock:
            known = _experiments.get((tracking_uri, entry.experiment))
        if known and (found := _find_by_key_if_there(client, known, entry, key)):
            return found
        experiment = client.get_experiment_by_name(entry.experiment)
        if experiment is None:
            return NotFound()
        experiment_id = experiment.experiment_id
        with _experiments_lock:
            _experiments[tracking_uri, entry.experiment] = experiment_id
        if experiment_id != known and (found := _find_by_key(client, experiment_id, entry, key)):
            return found
        return _find_by_parameters(client, experiment_id, entry, parameters, key)


def _find_by_key(client: "MlflowClient", experiment_id: str, entry: ModelType, key: str) -> Found | None:
    tagged = client.search_logged_models(
        [experiment_id],
        filter_string=f"tags.`{KEY_TAG}` = '{_hexadecimal(key)}'",
        order_by=[{"field_name": "creation_timestamp", "ascending": False}],
        max_results=10,
    )
    return next((Found(model.model_id, model.source_run_id) for model in tagged if _fits(model, entry)), None)


def _find_by_key_if_there(client: "MlflowClient", experiment_id: str, entry: ModelType, key: str) -> Found | None:
    from mlflow.exceptions import MlflowException

    try:
        return _find_by_key(client, experiment_id, entry, key)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _find_by_parameters(
    client: "MlflowClient", experiment_id: str, entry: ModelType, parameters: Mapping[str, ParameterValue], key: str
) -> Found | NotFound:
    without_model = []
    for run in _runs_with(client, experiment_id, entry, parameters):
        for model in _models_of(client, run):
            if _fits(model, entry):
                client.set_logged_model_tags(model.model_id, {KEY_TAG: key})
                return Found(model.model_id, run.info.run_id)
        without_model.append(run.info.run_id)
    return NotFound(tuple(without_model))


def _runs_with(
    client: "MlflowClient", experiment_id: str, entry: ModelType, parameters: Mapping[str, ParameterValue]
) -> Iterator["Run"]:
    """Finished runs with these parameters, newest first: those spelt canonically, then the others."""
    finished = "attributes.status = 'FINISHED'"
    spelling = {name: canonical_text(value) for name, value in parameters.items()}
    seen = set()
    if all(_SAFE_IN_FILTER.match(text) for text in spelling.values()):
        clauses = [finished, *(f"params.`{name}` = '{text}'" for name, text in spelling.items())]
        for run in _search_runs(client, experiment_id, " AND ".join(clauses), max_results=10):
            seen.add(run.info.run_id)
            yield run
    # Runs logged by other means may spell 0.36 as 0.360. Only a miss comes here, and a miss costs a training anyway.
    for run in _search_runs(client, experiment_id, finished, max_results=SCANNED_RUNS):
        if run.info.run_id not in seen and same_parameters(entry.parameters, parameters, run.data.params):
            yield run


def _search_runs(client: "MlflowClient", experiment_id: str, filter_string: str, max_results: int) -> "list[Run]":
    newest_first = ["attributes.start_time DESC"]
    return list(client.search_runs([experiment_id], filter_string, max_results=max_results, order_by=newest_first))


def _models_of(client: "MlflowClient", run: "Run") -> "Iterator[LoggedModel]":
    for output in run.outputs.model_outputs if run.outputs else ():
        yield client.get_logged_model(output.model_id)


def _fits(model: "LoggedModel", entry: ModelType) -> bool:
    return bool(model.name == entry.artifact_name and model.status == "READY")


def _hexadecimal(key: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ValueError("a training key has 64 hexadecimal characters")
    return key


@contextmanager
def _asking_mlflow() -> Iterator[None]:
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException, OSError) as error:
        logger.warning("MLflow: %s: %s", type(error).__name__, error)
        raise Unavailable("MLflow cannot be asked.") from error


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
    # MLflow reads a model's description three times to load it, by `yaml.safe_load`: nine tenths of the time, unless
    # that is the parser of libyaml. (Brackets nested by ten thousands end the process, as whoever writes models can.)
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]  # a type


@functools.cache
def _client(tracking_uri: str) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri)
