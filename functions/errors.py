"""The one error tree. An error knows the problem details (RFC 9457) that its client reads."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from functions.logs import redact

MAX_LISTED = 20
"""Wrong fields that one answer names."""


class FieldError(BaseModel):
    """One wrong field: where it stands in the request (dotted path) and what is wrong with it."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details as of RFC 9457; ``errors`` lists every offending field.

    ``retry_after`` are the seconds after which the same request may succeed; it is the header ``Retry-After`` too.
    """

    model_config = ConfigDict(populate_by_name=True)

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    retry_after: Annotated[int | None, Field(alias="retryAfter", exclude_if=lambda seconds: seconds is None)] = None


def cut(text: str, length: int = 100) -> str:
    """A client's own text, short enough to be sent back."""
    return text if len(text) <= length else f"{text[:length]}…"


def _bounded(error: FieldError) -> FieldError:
    return FieldError(field=cut(error.field, 200), message=cut(error.message, 2000))


class OnDemandError(Exception):
    """Base of all errors that a client may see. ``detail`` says what to do about it."""

    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}
    """Header fields that the answer has beside it."""

    def __init__(self, detail: str, errors: Sequence[FieldError] = (), retry_after: int | None = None) -> None:
        # Models, notebooks and SDKs put into their errors what they were given.
        self.detail = redact(detail)
        super().__init__(self.detail)
        self.errors = list(errors)
        self.retry_after = retry_after

    def problem(self) -> Problem:
        return Problem(
            type=f"urn:mlflow-ondemand:problem:{self.slug}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            errors=self.errors,
            retry_after=self.retry_after,
        )


class MalformedRequest(OnDemandError):
    slug, title, status = "malformed-request", "Malformed request", 400


class UnknownModelType(OnDemandError):
    slug, title, status = "unknown-model-type", "Unknown model type", 404


class UnknownRun(OnDemandError):
    slug, title, status = "unknown-run", "Unknown run", 404


class LengthRequired(OnDemandError):
    slug, title, status = "length-required", "Length required", 411


class RequestTooLarge(OnDemandError):
    slug, title, status = "request-too-large", "Request too large", 413


class UnsupportedMediaType(OnDemandError):
    slug, title, status = "unsupported-media-type", "Unsupported media type", 415


class UnsupportedContentEncoding(UnsupportedMediaType):
    headers: ClassVar[dict[str, str]] = {"Accept-Encoding": "identity"}


class InvalidRequest(OnDemandError):
    """A well-formed request with fields that are wrong; the first `MAX_LISTED` are in ``errors``.

    ``total`` is how many there are, where the caller did not spell out each.
    """

    slug, title, status = "invalid-request", "Invalid request", 422

    def __init__(self, detail: str, errors: Sequence[FieldError] = (), total: int = 0) -> None:
        total = max(total, len(errors))
        if total > MAX_LISTED:
            detail = f"{total} wrong fields; the first {MAX_LISTED} are listed in errors."
        super().__init__(detail, [_bounded(error) for error in errors[:MAX_LISTED]])


class InputRefused(OnDemandError):
    """The model's signature refuses the rows."""

    slug, title, status = "input-refused", "Input refused by the model", 422


class IdempotencyKeyReused(OnDemandError):
    slug, title, status = "idempotency-key-reused", "Idempotency key used with another request", 422


class TooManyRequests(OnDemandError):
    slug, title, status = "too-many-requests", "Too many requests", 429


class TooManyTrainings(OnDemandError):
    """A quota of trainings is used up. The request was accepted, its model is not trained."""

    slug, title, status = "too-many-trainings", "Too many trainings", 429


class PredictionFailed(OnDemandError):
    slug, title, status = "prediction-failed", "Prediction failed", 500


class PredictionTimeout(PredictionFailed):
    """The model did not return from a prediction in time."""

    slug, title = "prediction-timeout", "Prediction took too long"


class ResultTooLarge(OnDemandError):
    """The model's result for these rows, as JSON, is beyond `MAX_RESULT_BYTES`."""

    slug, title, status = "result-too-large", "Result too large", 500


class ModelRefused(OnDemandError):
    """The model may not be loaded here: a flavour that the catalog does not allow, or code of its own."""

    slug, title, status = "model-refused", "Model refused", 500


class ModelNotLoaded(OnDemandError):
    slug, title, status = "model-not-loaded", "Model could not be loaded", 500


class InternalError(OnDemandError):
    """A fault of ours; the log has it under the operation's id."""


class DeadLettered(OnDemandError):
    slug, title, status = "dead-lettered", "Request could not be processed", 500


class TrainingFailed(OnDemandError):
    slug, title, status = "training-failed", "Training failed", 502


class TrainingRefused(OnDemandError):
    """Databricks answered, and will not run this training however often it is asked."""

    slug, title, status = "training-refused", "Training refused by Databricks", 502


class ModelNotLogged(OnDemandError):
    """The training ended well but MLflow holds no matching model."""

    slug, title, status = "model-not-logged", "Training logged no matching model", 502


class WrongPool(OnDemandError):
    """The command came through the queue of another pool than its type's: the catalog has changed meanwhile."""

    slug, title, status = "wrong-pool", "Model type is served by another pool", 503


class DeadlineExceeded(OnDemandError):
    slug, title, status = "deadline-exceeded", "Deadline exceeded", 503


class Unavailable(OnDemandError):
    """Something that we depend on cannot be reached now: retried later, or 503 where nothing was accepted yet."""

    slug, title, status = "unavailable", "Temporarily unavailable", 503


class CatalogError(Exception):
    """The catalog is wrong: names file, key and reason. Raised at start, never seen by a client."""
