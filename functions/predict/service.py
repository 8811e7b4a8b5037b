"""One prediction from request to answer: validate, publish, wait a little, keep what outlives the wait."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from functions import telemetry
from functions.catalog import Catalog
from functions.contracts import JsonText, Operation, RunModel, utc_now
from functions.errors import FieldError, IdempotencyKeyReused, OnDemandError, Problem, UnknownRun, cut
from functions.operations import Operations
from functions.predict.idempotency import belongs_to, new_operation_id, operation_ids
from functions.predict.prefer import applied, preferred_wait
from functions.predict.request import (
    ValidRequest,
    body_digest,
    canonical_run_id,
    idempotency_key,
    parse_body,
    traceparent_of,
    validate,
)
from functions.predict.results import Results
from functions.predict.secret import Secret
from functions.predict.shares import Shares
from functions.publisher import Publisher
from functions.settings import PredictSettings

RETRY_AFTER_S, RETRY_AFTER_TRAINING_S = 1, 3
TRY_AGAIN = {429: "1", 503: "5"}
"""Seconds of Retry-After by status."""


@dataclass(frozen=True)
class Answer:
    """An HTTP status, the operation that is the body, and headers."""

    status: int
    operation: Operation
    headers: dict[str, str] = field(default_factory=dict)


def retry_after(error: OnDemandError | Problem) -> dict[str, str]:
    if error.retry_after is not None:
        return {"Retry-After": str(error.retry_after)}
    return {"Retry-After": TRY_AGAIN[error.status]} if error.status in TRY_AGAIN else {}


def refusal(error: OnDemandError, prediction: ValidRequest | None = None) -> Answer:
    """An operation in the status `error` that was never accepted; with what its request asked for, if that is known."""
    operation = Operation(status="error", status_message=error.title, error=error.problem())
    if prediction is not None:
        operation.model_type, operation.model_parameters = prediction.model_type, prediction.parameters
    return Answer(error.status, operation, retry_after(error) | error.headers)


class PredictService:
    """``reply_session`` gives the session of this instance on the queue `results`. It raises Unavailable."""

    def __init__(
        self,
        settings: PredictSettings,
        catalog: Catalog,
        publisher: Publisher,
        operations: Operations,
        results: Results,
        secret: Secret,
        reply_session: Callable[[], Awaitable[str]],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._publisher = publisher
        self._operations = operations
        self._results = results
        self._secret = secret
        self._reply_session = reply_session
        self._clock = clock
        self._bodies = Shares(settings.max_bodies_bytes, "bytes of bodies under way")
        self._polling = Shares(settings.max_waiting, "places to poll")
        self.reading = Shares(settings.max_waiting, "places to read")
        """Of requests that do not wait."""
        longest_training = max(entry.training_timeout_s for entry in catalog.models.values())
        self._lifetime = timedelta(seconds=settings.queue_timeout_s + longest_training + settings.retention_s)
        """Of an operation with an Idempotency-Key, whatever its type: the key alone must lead to it."""

    async def post(self, caller: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """``POST /predict``. Raises OnDemandError for a request that is not valid, and for a poll of an unknown run."""
        encoding = headers.get("content-encoding")
        request = parse_body(headers.get("content-type"), body, self._settings.max_body_bytes, encoding)
        wait = preferred_wait(headers.get("prefer"))
        if request.operation_id is not None:
            return await self.poll(caller, request.operation_id, wait, len(body))
        key = idempotency_key(headers.get("idempotency-key"))
        with self._bodies.hold(caller, len(body)), self._results.places.hold(caller):
            prediction = validate(request, self._catalog, self._settings, body)
            request.prediction_parameters = None  # what waits must not keep its rows in memory
            try:
                return await self._post(caller, prediction, key, headers, wait)
            except OnDemandError as error:
                return refusal(error, prediction)

    async def poll(self, caller: str, run_id: str, wait: float | None, body_bytes: int = 0) -> Answer:
        """How an operation stands, after at most `wait` seconds. Raises UnknownRun, or TooManyRequests.

        A caller that has no place left to wait, or whose bodies under way leave no room for that of this poll, is
        answered at once: the host keeps the body until then.
        """
        operation_id = canonical_run_id(run_id)
        if operation_id is None or not await self._may_read(caller, operation_id):
            raise _unknown_run(run_id)
        if wait and not (self._polling.fits(caller) and self._bodies.fits(caller, body_bytes)):
            wait = None
        places = self._polling if wait else self.reading
        with places.hold(caller), self._bodies.hold(caller, body_bytes if wait else 0):
            operation = await self._operations.wait(operation_id, wait or 0.0)
        if operation is None:
            raise _unknown_run(run_id)
        return _answer(operation, 200, wait)

    async def _may_read(self, caller: str, operation_id: str) -> bool:
        if not self._settings.operations_bound_to_caller:
            return True
        return belongs_to(await self._secret.value(), operation_id, caller)

    async def _post(
        self, caller: str, prediction: ValidRequest, key: str | None, headers: Mapping[str, str], wait: float | None
    ) -> Answer:
        if key is not None:
            return await self._post_idempotently(caller, prediction, key, headers, wait)
        operation_id = new_operation_id(await self._secret.value(), caller)
        command = await self._command(operation_id, caller, prediction, headers)
        return await self._ask(command, prediction, wait, durable=False)

    async def _post_idempotently(
        self, caller: str, prediction: ValidRequest, key: str, headers: Mapping[str, str], wait: float | None
    ) -> Answer:
        digest = body_digest(prediction)
        operation_id, tied_to = await self._claim(caller, key, digest)
        if tied_to is None:
            command = await self._command(operation_id, caller, prediction, headers, durable=True)
            return await self._ask(command, prediction, wait, durable=True)
        if tied_to != digest:
            message = "was used with another request; take a new key for a new request"
            raise IdempotencyKeyReused(
                f"This Idempotency-Key {message}.", [FieldError(field="Idempotency-Key", message=message)]
            )
        if await self._operations.wait(operation_id, 0) is None:
            # The first one is about to publish, or died before it could: the message id is the same, so once is enough.
            command = await self._command(operation_id, caller, prediction, headers, durable=True)
            await self._publish(prediction, command)
            await self._operations.begin(_accepted(command))
        prediction.forget_rows()
        known = await self._operations.wait(operation_id, self._settings.default_wait_s if wait is None else wait)
        return _answer(known or _unseen(operation_id, prediction), None, wait)

    async def _claim(self, caller: str, key: str, digest: str) -> tuple[str, str | None]:
        """The operation of the key, and the digest of the request that it belongs to; None if it is a new one."""
        now, secret = self._clock(), await self._secret.value()
        *others, new = operation_ids(secret, caller, key, now, self._lifetime.total_seconds())
        for operation_id in others:
            if tied_to := await self._operations.claimed(operation_id):
                return operation_id, tied_to
        return new, await self._operations.claim(new, digest, now + self._lifetime)

    async def _command(
        self,
        operation_id: str,
        caller: str,
        prediction: ValidRequest,
        headers: Mapping[str, str],
        durable: bool = False,
    ) -> RunModel:
        """The command without its rows, which `_publish` adds."""
        now = self._clock()
        allowed = self._settings.queue_timeout_s + prediction.entry.training_timeout_s
        deadline = now + timedelta(seconds=allowed)
        retained = deadline + timedelta(seconds=self._settings.retention_s)
        return RunModel(
            operation=operation_id,
            reply_to_session=await self._reply_session(),
            model_type=prediction.model_type,
            parameters=prediction.parameters,
            key=prediction.key,
            created_at=now,
            deadline=deadline,
            expires_at=now + self._lifetime if durable else retained,
            traceparent=traceparent_of(headers),
            caller=caller,
        )

    async def _ask(self, command: RunModel, prediction: ValidRequest, wait: float | None, durable: bool) -> Answer:
        accepted = _accepted(command)
        with self._results.expect(accepted, durable) as waiter:
            # With an Idempotency-Key the message id keeps duplicates out, so the command has a message of its own.
            await self._publish(prediction, command, may_share=not durable)
            if durable:
                await self._operations.begin(accepted)
            seconds = self._settings.default_wait_s if wait is None else wait
            operation = await waiter.wait(seconds, leave_for_training=wait is None)
        if not operation.finished and not durable:
            # From here on the outcome goes to the store; progress that came meanwhile is newer and stays.
            await self._operations.begin(operation)
        return _answer(operation, None, wait)

    async def _publish(self, prediction: ValidRequest, command: RunModel, may_share: bool = False) -> None:
        """Publish the command with the rows, which nobody needs then. Raises TooManyRequests for a long queue."""
        self._results.backlog.add(command.operation, command.caller)
        try:
            command = await self._with_rows(prediction, command)
            in_flight = self._results.in_flight - 1 if may_share else 0
            with telemetry.active.sending(prediction.entry.queue) as sending:
                command = command.traced(sending.traceparent)
                await self._publisher.publish(prediction.entry.queue, command, may_share=may_share, in_flight=in_flight)
        except BaseException:
            self._results.backlog.forget(command.operation)
            raise
        prediction.forget_rows()

    async def _with_rows(self, prediction: ValidRequest, command: RunModel) -> RunModel:
        if len(prediction.rows_json) <= self._publisher.max_message_bytes:
            return command.model_copy(update={"prediction_input": JsonText(prediction.rows_json)})
        await self._operations.put_input(command.operation, prediction.rows_json)
        return command.model_copy(update={"input_stored": True})


def _unknown_run(run_id: str) -> UnknownRun:
    return UnknownRun(f"There is no run {cut(run_id)!r}, or it has expired.")


def _accepted(command: RunModel) -> Operation:
    return command.operation_document("pending", status_message="accepted")


def _unseen(operation_id: str, prediction: ValidRequest) -> Operation:
    """An operation that the store does not show yet."""
    return Operation(
        operation_id=operation_id,
        status="pending",
        model_type=prediction.model_type,
        model_parameters=prediction.parameters,
    )


def _answer(operation: Operation, status: int | None, wait: float | None) -> Answer:
    headers = applied(wait)
    if not operation.finished:
        seconds = RETRY_AFTER_S if operation.training is None else RETRY_AFTER_TRAINING_S
        headers |= {"Location": f"/predict/{operation.operation_id}", "Retry-After": str(seconds)}
        return Answer(202, operation, headers)
    if status is None:
        status = operation.error.status if operation.error else 200
        headers |= retry_after(operation.error) if operation.error else {}
    return Answer(status, operation, headers)
