"""What clients and queues carry: the operation document of the HTTP API and the messages of Service Bus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_serializer,
    field_validator,
)
from pydantic.alias_generators import to_camel

from functions.errors import Problem, cut
from functions.parameters import ParameterValue

T = TypeVar("T")
SCHEMA_VERSION = 1
Status = Literal["pending", "running", "completed", "error", "cancelled"]
TERMINAL: frozenset[Status] = frozenset({"completed", "error", "cancelled"})
MAX_PARAMETERS = 1000
"""Hyper-parameters that a request may give, known or not."""
MAX_COMMANDS = 100
"""Commands that one message may hold; `functions.outbox` puts 32 into one."""
OPERATION_ID = r"^[0-9a-f]{32}$"
OperationId = Annotated[str, Field(pattern=OPERATION_ID)]
SessionId = Annotated[str, Field(min_length=1, max_length=128)]
"""As long as Service Bus takes it."""
Count = Annotated[int, Field(ge=0, le=1_000_000)]
"""Attempts and checks: delays grow with them, and message ids have them."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Document(BaseModel):
    """JSON in camelCase, Python in snake_case."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        protected_namespaces=(),
        ser_json_inf_nan="null",
        hide_input_in_errors=True,  # it is rows, and the host logs the error
    )

    def to_json(self) -> bytes:
        return self.model_dump_json(by_alias=True).encode()


class JsonText(bytes):
    """Rows or a result as the JSON that they travel as: written once, however many."""


class PredictRequest(Document):
    """The body of ``POST /predict``. With a ``runId`` it is a poll, and nothing else in it is looked at."""

    model_config = ConfigDict(extra="forbid")

    operation_id: (
        Annotated[str, Field(description="Null asks for a prediction; the id of an answer polls it")] | None
    ) = Field(default=None, alias="runId")
    model_type: Annotated[str, Field(max_length=200)] | None = None
    model_parameters: (
        Annotated[
            dict[str, Any],
            Field(max_length=MAX_PARAMETERS, description="Hyper-parameters by name; numbers may be text"),
        ]
        | None
    ) = None
    prediction_parameters: Annotated[
        Any,  # it comes from a JSON parser, and checking a value at a time costs more than parsing them all
        Field(
            description="One row (object), rows (list of objects with the same columns), or an MLflow scoring body: "
            "exactly one of dataframe_split, dataframe_records, instances and inputs, and params beside it if need be"
        ),
    ] = None


class ModelReference(Document):
    """The MLflow model that answered."""

    uri: str
    mlflow_run_id: str | None = Field(default=None, alias="runId")


class Training(Document):
    """The Databricks run that trains the model; no run id yet while the state is REQUESTED."""

    databricks_run_id: int | None = Field(default=None, alias="runId")
    url: str | None = None
    state: str
    started_at: AwareDatetime | None = None


class Operation(Document):
    """How one prediction stands: the response body of ``/predict`` in every status."""

    operation_id: OperationId | None = Field(default=None, alias="runId")
    status: Status
    status_message: str | None = None
    result: Any = None
    model_type: str | None = None
    model_parameters: dict[str, ParameterValue] | None = None
    """The canonical hyper-parameters that were used, defaults included."""
    ignored_columns: list[str] | None = None
    """Columns of the rows that the model does not know (the first 20)."""
    model: ModelReference | None = None
    training: Training | None = None
    created_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    error: Problem | None = None

    @property
    def finished(self) -> bool:
        return self.status in TERMINAL

    @field_serializer("result")
    def _result(self, result: Any) -> Any:
        return orjson.loads(bytes(result)) if isinstance(result, JsonText) else result

    def to_json(self) -> bytes:
        """A result that is JSON already is spliced in."""
        if not isinstance(self.result, JsonText):
            return super().to_json()
        rest = self.model_dump_json(by_alias=True, exclude={"result"}).encode()
        return b"".join((rest[:-1], b',"result":', self.result, b"}"))


class Message(Document):
    """The body of a Service Bus message is one of these, or a list of them of one kind (see `functions.outbox`)."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1


class RunModel(Message):
    """Queue ``run-model[-pool]``: answer one prediction. ``prediction_input`` is None when it lies in the store."""

    kind: Literal["RunModel"] = "RunModel"
    operation: OperationId
    attempt: Count = 0
    reply_to_session: SessionId
    model_type: str
    parameters: dict[str, ParameterValue]
    key: str
    prediction_input: Any = None
    input_stored: bool = False
    created_at: AwareDatetime
    deadline: AwareDatetime
    expires_at: AwareDatetime
    training: Training | None = None
    trained: bool = False
    retrain: bool = False
    """The run ended at about the time when this command was accepted. If it left no model, another one is to be run."""
    traceparent: Annotated[str, Field(max_length=55)] | None = None
    caller: Annotated[str, Field(max_length=100)] = ""
    """Who asked, as `predict` knows it (see `functions.predict.caller`): quotas are counted by it. Empty: not known."""

    @property
    def message_id(self) -> str:
        # A trained command and one that is put off must not share an id: duplicate detection would drop the later one.
        return f"{self.operation}:{'trained:' if self.trained else ''}{self.round}{self.attempt}"

    @property
    def round(self) -> str:
        """What tells the messages about a second training of this command from those about the first."""
        return "retrain:" if self.retrain else ""

    def traced(self, traceparent: str | None) -> "RunModel":
        """The command in the trace of the message that is to carry it; as it is if that has none of its own."""
        return self if traceparent is None else self.model_copy(update={"traceparent": traceparent})

    @field_serializer("prediction_input")
    def _rows(self, rows: Any) -> Any:
        return orjson.loads(bytes(rows)) if isinstance(rows, JsonText) else rows

    def to_json(self) -> bytes:
        """The rows are spliced in: orjson writes them twice as fast as pydantic, and a JsonText is there already."""
        rows = self.prediction_input
        try:
            text = rows if isinstance(rows, JsonText) else orjson.dumps(rows)
        except TypeError:  # integers beyond 64 bits; rows that came in by HTTP have none
            return super().to_json()
        rest = self.model_dump_json(by_alias=True, exclude={"prediction_input"}).encode()
        return b"".join((rest[:-1], b',"predictionInput":', text, b"}"))

    def operation_document(self, status: Status, **fields: Any) -> Operation:
        """The operation as its client will read it, with what this command knows filled in."""
        known: dict[str, Any] = {"training": self.training}
        return Operation(
            operation_id=self.operation,
            status=status,
            model_type=self.model_type,
            model_parameters=self.parameters,
            created_at=self.created_at,
            expires_at=self.expires_at,
            **(known | fields),
        )


class StartTraining(Message):
    """Queue ``train``: train what ``command`` did not find."""

    kind: Literal["StartTraining"] = "StartTraining"
    command: RunModel
    attempt: Count = 0

    @property
    def message_id(self) -> str:
        return f"{self.command.operation}:train:{self.command.round}{self.command.attempt}:{self.attempt}"


class CheckTraining(Message):
    """Queue ``train``, scheduled: look again at the Databricks run in ``command.training``."""

    kind: Literal["CheckTraining"] = "CheckTraining"
    command: RunModel
    checks: Count = 0
    attempt: Count = 0

    @property
    def message_id(self) -> str:
        return f"{self.command.operation}:check:{self.command.round}{self.checks}:{self.attempt}"


class Event(Message):
    """Session queue ``results``: progress or outcome of an operation, to the instance that accepted it.

    ``phase`` is what makes the message id unique: an operation has one event a phase, and one phase ``outcome``.
    With ``result_stored`` the outcome was too big for a message and lies in the operation store.
    """

    kind: Literal["Event"] = "Event"
    phase: Annotated[str, Field(max_length=80)]
    operation: Operation
    reply_to_session: SessionId
    result_stored: bool = False
    attempt: Count = 0
    traceparent: Annotated[str, Field(max_length=55)] | None = None

    @field_validator("operation")
    @classmethod
    def _names_its_operation(cls, operation: Operation) -> Operation:
        if operation.operation_id is None:
            raise ValueError("the operation has no id")
        return operation

    @property
    def message_id(self) -> str:
        suffix = f":{self.attempt}" if self.attempt else ""
        return f"{self.operation.operation_id}:{self.phase}{suffix}"

    def to_json(self, operation_json: bytes = b"") -> bytes:
        """``operation_json`` is the operation as JSON if it is written already."""
        rest = self.model_dump_json(by_alias=True, exclude={"operation"}).encode()
        return b"".join((rest[:-1], b',"operation":', operation_json or self.operation.to_json(), b"}"))


@dataclass(frozen=True)
class Unread:
    """A message of a schema version that is not known here, as it goes back to its queue (see `functions.put_off`)."""

    body: bytes
    kind: str
    message_id: str
    correlation_id: str | None
    session_id: str | None
    reply_to_session_id: str | None
    properties: Mapping[str, str]

    def to_json(self) -> bytes:
        return self.body


class UnknownVersion(ValueError):
    """The message has a schema version that is not known here: a newer version of the service wrote it."""


OUTCOME = "outcome"
TrainMessage = Annotated[StartTraining | CheckTraining, Field(discriminator="kind")]
Command = Annotated[RunModel | StartTraining | CheckTraining, Field(discriminator="kind")]
AnyMessage = RunModel | StartTraining | CheckTraining | Event | Unread
_HIDDEN = ConfigDict(hide_input_in_errors=True)
_TRAIN_MESSAGE: TypeAdapter[StartTraining | CheckTraining] = TypeAdapter(TrainMessage, config=_HIDDEN)
_EVENTS: TypeAdapter[Event | list[Event]] = TypeAdapter(Event | list[Event], config=_HIDDEN)
_COMMANDS: TypeAdapter[Command | list[RunModel]] = TypeAdapter(Command | list[RunModel], config=_HIDDEN)


# Each function below raises UnknownVersion, or ValidationError for whatever else it cannot read. Fields that are not
# known are ignored: a newer version may add some without a schema version of its own.


def run_models_in(body: bytes) -> list[RunModel]:
    """The commands of a message. Raises ValueError too."""
    content = orjson.loads(body)  # half the cost of pydantic's parser where there are many rows
    items = content if isinstance(content, list) else [content]
    if len(items) > MAX_COMMANDS:
        raise ValueError(f"a message of {len(items)} commands, of which there may be {MAX_COMMANDS}")
    try:
        return [RunModel.model_validate(each) for each in items]
    except ValidationError:
        _refuse_unknown_version(body)
        raise


def train_message_in(body: bytes) -> StartTraining | CheckTraining:
    """The message of the queue `train`."""
    return _read(_TRAIN_MESSAGE, body)


def events_in(body: bytes) -> list[Event]:
    """The events of a message."""
    content = _read(_EVENTS, body)
    return content if isinstance(content, list) else [content]


def commands_in(body: bytes) -> Sequence[Command]:
    """The commands of a message of any queue but `results`."""
    content = _read(_COMMANDS, body)
    return content if isinstance(content, list) else [content]


def _read(kind: TypeAdapter[T], body: bytes) -> T:
    try:
        return kind.validate_json(body)
    except ValidationError:
        _refuse_unknown_version(body)
        raise


def _refuse_unknown_version(body: bytes) -> None:
    """Of a body that cannot be read: the reading of others does not pay for it."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for each in content if isinstance(content, list) else [content]:
        version = each.get("schemaVersion", SCHEMA_VERSION) if isinstance(each, dict) else SCHEMA_VERSION
        if version != SCHEMA_VERSION:
            raise UnknownVersion(f"its schema version is {cut(str(version))}, known is {SCHEMA_VERSION}")


def command_of(message: Command) -> RunModel:
    """The prediction that a command is for."""
    return message if isinstance(message, RunModel) else message.command
