"""Settings from the environment, read once a process and validated; a missing one names itself.

A function reads only its own settings: every Deployment imports all functions but runs one, and must not need the
settings of the others.
"""

import os
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from functions.queues import RUN_MODEL

SERVICEBUS = "SERVICEBUS_CONNECTION"
"""Name of the setting that holds the Service Bus connection, as the triggers name it."""

CREDENTIALS = (
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_HOST",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "SERVICEBUS_CONNECTION",
)
"""Variables that libraries read by themselves and put into HTTP headers."""
ADDRESSES = {
    "DATABRICKS_HOST": "DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET",
    "MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    "OPERATIONS_URL": "the variables of its store, such as AZURE_STORAGE_ACCOUNT_KEY",
}
"""Addresses that libraries repeat in their errors, and where their credentials belong."""
Positive = Annotated[int, Field(gt=0)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it."""


class _Settings(BaseModel):
    """Fields are read from environment variables of the same name in upper case."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, str_strip_whitespace=True)


class LogSettings(_Settings):
    log_level: Literal["INFO", "WARNING", "ERROR"] = "WARNING"
    """Of what is logged outside of an invocation, under the Functions worker (see `functions.upstream.worker_logs`)."""


class BusSettings(_Settings):
    """A connection string, or the namespace's host name for workload identity."""

    servicebus_connection: str | None = None
    servicebus_connection__fullyqualifiednamespace: Annotated[
        str | None, Field(alias="SERVICEBUS_CONNECTION__fullyQualifiedNamespace")
    ] = None
    servicebus_connection__clientid: Annotated[str | None, Field(alias="SERVICEBUS_CONNECTION__clientId")] = None
    send_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    max_message_bytes: Annotated[int, Field(gt=0)] = 192 * 1024
    """Above this a payload goes through the operation store (256 KB is the limit of a Standard namespace)."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if not self.servicebus_connection and not self.servicebus_connection__fullyqualifiednamespace:
            raise ValueError(
                "set SERVICEBUS_CONNECTION (a connection string) or SERVICEBUS_CONNECTION__fullyQualifiedNamespace"
            )
        return self


class StoreSettings(_Settings):
    operations_url: str
    """az://container/prefix, s3://…, gs://… or file:///path."""


class RowSettings(_Settings):
    """Bounds of the rows of one request: `predict` holds requests to them, and `run_model` messages."""

    max_rows: Positive = 100_000
    max_columns: Positive = 50_000
    max_cells: Positive = 10_000_000
    """Rows times columns; of lists within lists, their values."""


class PredictSettings(RowSettings):
    default_wait_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    max_body_bytes: Positive = 16 * 1024 * 1024
    max_waiting: Positive = 1800
    """Predictions that wait in one instance, and as many long polls. A caller alone gets half of them. Three times as
    many must be below maxConcurrentRequests of host.json."""
    max_pending: Positive = 20_000
    """Predictions of one instance that have no answer yet, whether a request waits for them or not."""
    max_bodies_bytes: Positive = 128 * 1024 * 1024
    """Bodies of the requests under way in one instance. A caller alone gets half of it."""
    idempotency_secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    """Signs operation ids and names of callers; equal in all instances. Without it one lies in the operation store."""
    operations_bound_to_caller: bool = False
    """Only its caller can poll an operation; for others it is unknown."""
    trust_client_principal: bool = False
    """X-MS-CLIENT-PRINCIPAL-ID tells the caller. Only where clients cannot send that header themselves."""
    queue_timeout_s: Positive = 900
    """How long an operation may take beside its training; deadline = now + this + the type's training timeout."""
    retention_s: Positive = 24 * 3600
    """How long the outcome of an operation can be read after its deadline."""

    @model_validator(mode="after")
    def _largest_body_fits(self) -> Self:
        if self.max_bodies_bytes < 2 * self.max_body_bytes:
            raise ValueError("set MAX_BODIES_BYTES to twice MAX_BODY_BYTES or more: one caller gets half of it")
        return self


class ModelsSettings(_Settings):
    """What ``GET /models`` needs to ask MLflow's REST API."""

    mlflow_tracking_uri: str | None = None
    mlflow_tracking_token: str | None = None
    databricks_host: str | None = None
    databricks_token: str | None = None


def _private_cache() -> Path:
    """A folder of the user alone; in the images, whose HOME is /tmp, a folder of the container."""
    return Path.home() / ".cache" / "mlflow-ondemand" / "models"


class RunModelSettings(RowSettings):
    mlflow_tracking_uri: str
    model_cache_dir: Path = Field(default_factory=_private_cache)
    """Nobody else may write here: a model is code. `/tmp` is shared by the users of a machine, not by containers."""
    model_cache_bytes: Positive = 2 * 1024**3
    model_cache_entries: Positive = 200
    model_disk_bytes: Positive = 10 * 1024**3
    lookup_ttl_s: Positive = 300
    """How long a found model is taken for the one of its key without asking MLflow again."""
    predict_timeout_s: Positive = 120
    """Bound of one call of a model. The two bounds and a wait of a minute stay below functionTimeout of host.json."""
    load_timeout_s: Positive = 180
    """Bound of one download, and of one load from disk."""
    merge_max_rows: Positive = 10_000
    max_result_bytes: Positive = 32 * 1024 * 1024
    """Of the result of one request, as JSON."""


class TrainSettings(_Settings):
    databricks_timeout_s: Positive = 15
    """Bound of one call of the Jobs API, the SDK's own retries included."""
    max_trainings_at_once: Positive = 40
    """Of all types and callers; the catalog has the bounds of a type."""
    max_trainings_per_day: Positive = 1000
    """Of all types and callers, in any 24 hours."""


SettingsT = TypeVar("SettingsT", bound=_Settings)


@cache
def load(kind: type[SettingsT]) -> SettingsT:
    """The settings of one kind. Raises SettingsError naming each variable that is missing or wrong."""
    fields = {field: _variable(kind, field) for field in kind.model_fields}
    given = {field: os.environ[name] for field, name in fields.items() if os.environ.get(name)}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        mistakes = [_sentence(kind, mistake["loc"], mistake["msg"]) for mistake in error.errors()]
        raise SettingsError("; ".join(mistakes)) from None


def strip_credentials(environ: MutableMapping[str, str]) -> None:
    """Remove white space around each credential: a file ends with a newline, and requests tells a header that has one.

    Raises SettingsError naming a credential that has a control character inside, and an address that has one in it.
    """
    for name in CREDENTIALS:
        value = environ.get(name, "").strip()
        if not value.isprintable():
            raise SettingsError(f"setting {name}: has a control character, such as a newline")
        if value != environ.get(name, ""):
            environ[name] = value
    for name, place in ADDRESSES.items():
        scheme, _, address = environ.get(name, "").rpartition("://")
        # abfs://container@account is how Azure writes a container.
        if "@" in address.partition("/")[0] and not scheme.startswith("abfs"):
            raise SettingsError(f"setting {name}: has a user or a password in the address; they belong into {place}")


def _variable(kind: type[_Settings], field: str) -> str:
    return kind.model_fields[field].alias or field.upper()


def _sentence(kind: type[_Settings], location: tuple[int | str, ...], message: str) -> str:
    """Names the variable and never repeats its value, which may be a secret."""
    names = {info.alias or field: _variable(kind, field) for field, info in kind.model_fields.items()}
    if not location:
        return message.removeprefix("Value error, ")
    return f"setting {names.get(str(location[0]), location[0])}: {message}"


def catalog_path() -> Path:
    """``CATALOG_FILE``, or ``models.yaml`` beside ``function_app.py``."""
    return Path(os.environ.get("CATALOG_FILE") or Path(__file__).parent.parent / "models.yaml")


def run_model_queue() -> str:
    """``RUN_MODEL_QUEUE``: the queue of this Deployment's runner pool."""
    return os.environ.get("RUN_MODEL_QUEUE") or RUN_MODEL
