"""Finding a trained model in MLflow. "No such model" and "cannot ask MLflow" are different outcomes."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from cachetools import TTLCache

from functions.catalog import ModelType
from functions.parameters import ParameterValue
from functions.run_model.candidates import runs_in_order
from functions.run_model.missing import NotFound as NotFound  # a part of what is told here
from functions.run_model.missing import what_was_logged
from functions.run_model.mlflow_client import GONE, asking_mlflow, unless
from functions.run_model.proof import Wanted, best_output, flaw

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

logger = logging.getLogger(__name__)

KEY_TAG = "ondemand.key"
MERGING_TAG = "ondemand.merging"
"""Why requests for this model are not merged any more."""
MAX_TAG = 500
EXPERIMENT_TTL_S = 300
"""How long the id of an experiment is remembered: a look-up by tag takes two calls then."""


@dataclass(frozen=True)
class Found:
    """A model that can be loaded by ``models:/<model_id>``; ``merging`` is the value of its tag, if it has one."""

    model_id: str
    mlflow_run_id: str | None
    merging: str | None = None

    @property
    def uri(self) -> str:
        return f"models:/{self.model_id}"


class Lookup:
    """Finds the models of one tracking server. All methods block; call them in a thread."""

    def __init__(
        self,
        connect: "Callable[[], MlflowClient]",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        # Without a hit MLflow is asked for the experiment again, so that one that was replaced is noticed before
        # anything is trained; its own models are found until the entry expires.
        self._experiments: TTLCache[str, str] = TTLCache(1_000, EXPERIMENT_TTL_S, timer=clock)
        self._experiments_lock = threading.Lock()

    @cached_property
    def _client(self) -> "MlflowClient":
        """Connected at the first look-up: mlflow is imported then."""
        return self._connect()

    def find(
        self,
        entry: ModelType,
        parameters: Mapping[str, ParameterValue],
        key: str,
        *,
        explain: bool = False,
        since: datetime | None = None,
    ) -> Found | NotFound:
        """The model of these parameters: by its tag, else by the parameters of finished runs; a hit is tagged.

        With ``explain`` a miss says what the newest runs (begun after ``since``) logged instead, which takes more
        calls. Raises Unavailable when MLflow cannot be asked, whatever the reason.
        """
        with asking_mlflow():
            client = self._client
            known = self._known_experiment(entry)
            if known and (model := _by_key_if_there(client, Wanted(known, entry, parameters), key)):
                return _found(model)
            experiment_id = self._current_experiment(entry)
            wanted = Wanted(experiment_id or "", entry, parameters)
            if experiment_id is None:
                return NotFound(reasons=what_was_logged(client, wanted, since) if explain else ())
            if experiment_id != known and (model := _by_key(client, wanted, key)):
                return _found(model)
            outcome = _by_parameters(client, wanted, key)
            if explain and isinstance(outcome, NotFound):
                return NotFound(outcome.runs_without_model, what_was_logged(client, wanted, since))
            return outcome

    def still_there(self, entry: ModelType, parameters: Mapping[str, ParameterValue], key: str, found: Found) -> bool:
        """True if a model that was found is still the one of this key: neither it nor its run is deleted or changed,
        and its tag was not moved to another model. It takes two calls, as a rule.

        Raises Unavailable when MLflow cannot be asked.
        """
        with asking_mlflow():
            client = self._client
            experiment_id = self._known_experiment(entry) or self._current_experiment(entry)
            model = unless(GONE, client.get_logged_model, found.model_id)
            if experiment_id is None or model is None:
                return False
            wanted = Wanted(experiment_id, entry, parameters)
            if reason := flaw(client, wanted, model):
                logger.info("model %s answers no longer: %s", found.model_id, reason)
                return False
            if model.tags.get(KEY_TAG) == key:
                return True
            tagged = _by_key(client, wanted, key)
            return tagged is None or tagged.model_id == found.model_id

    def record_merging_off(self, found: Found, reason: str) -> None:
        """Note at the model that its requests are not merged any more, and why. Raises nothing."""
        try:
            self._client.set_logged_model_tags(found.model_id, {MERGING_TAG: reason[:MAX_TAG]})
        except Exception as error:  # noqa: BLE001  # a note for later: nothing that is answered now depends on it
            logger.warning(
                "model %s was not tagged %s: %s: %s", found.model_id, MERGING_TAG, type(error).__name__, error
            )

    def _known_experiment(self, entry: ModelType) -> str | None:
        with self._experiments_lock:
            return self._experiments.get(entry.experiment)

    def _current_experiment(self, entry: ModelType) -> str | None:
        experiment = self._client.get_experiment_by_name(entry.experiment)
        if experiment is None or experiment.lifecycle_stage != "active":
            return None
        with self._experiments_lock:
            self._experiments[entry.experiment] = experiment.experiment_id
        return str(experiment.experiment_id)


def _by_key(client: "MlflowClient", wanted: Wanted, key: str) -> "LoggedModel | None":
    """The newest model with the tag that is proven: the tag alone is anybody's word."""
    tagged = client.search_logged_models(
        [wanted.experiment_id],
        filter_string=f"tags.`{KEY_TAG}` = '{_hexadecimal(key)}'",
        order_by=[{"field_name": "creation_timestamp", "ascending": False}],
        max_results=10,
    )
    for model in tagged:
        reason = flaw(client, wanted, model)
        if reason is None:
            return model
        logger.warning("model %s bears the tag %s of %s wrongly: %s", model.model_id, KEY_TAG, key[:12], reason)
    return None


def _by_key_if_there(client: "MlflowClient", wanted: Wanted, key: str) -> "LoggedModel | None":
    """As `_by_key`; None when the experiment is gone."""
    return unless(GONE, lambda key: _by_key(client, wanted, key), key)


def _by_parameters(client: "MlflowClient", wanted: Wanted, key: str) -> Found | NotFound:
    without_model = []
    for run in runs_in_order(client, wanted):
        if model := best_output(client, wanted, run):
            _tag(client, model, key)
            return _found(model)
        without_model.append(run.info.run_id)
    return NotFound(tuple(without_model))


def _tag(client: "MlflowClient", model: "LoggedModel", key: str) -> None:
    """The tag makes the next look-up cheap; a model that may not be tagged answers all the same."""
    from mlflow.exceptions import MlflowException

    try:
        client.set_logged_model_tags(model.model_id, {KEY_TAG: key})
    except MlflowException as error:
        logger.warning("model %s was not tagged %s: %s", model.model_id, KEY_TAG, error)


def _found(model: "LoggedModel") -> Found:
    return Found(model.model_id, model.source_run_id, model.tags.get(MERGING_TAG))


def _hexadecimal(key: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ValueError("a training key has 64 hexadecimal characters")
    return key
