"""The operation store: what outlives its HTTP request, in an object store reached by one URL.

Only create-only and last-writer-wins objects, because every object store has those (conditional updates do not work
on local files). Objects of one operation, under its id:

    request.json  create-only  digest of the body sent with an Idempotency-Key
    status.json   overwritten  latest progress
    result.json   create-only  the outcome: the first one wins, so there is exactly one
    input.json    overwritten  rows too big for a message (claim check)
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
import orjson
from cachetools import TTLCache
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url
from pydantic import JsonValue, PrivateAttr

from functions.contracts import JsonText, Operation, utc_now
from functions.errors import Unavailable
from functions.slots import Slots

logger = logging.getLogger(__name__)

POLL_FIRST_S, POLL_LAST_S = 0.05, 1.0
SHARED_BY_INSTANCES = "secret/instances"
"""The object with the secret that all instances of predict share: no operation has such an id."""
MAX_BEGUN, BEGUN_S = 10_000, 600.0
MAX_AT_ONCE = 32
"""Calls of the store at a time: each takes a thread of obstore's where the store is a folder, else a connection."""
PLACE_WAIT_S = 10.0
"""For the end of others' calls. Without a limit thousands of polls of a store that hangs would wait for an hour."""
_RESULT = b' ,"result":'


def open_store(url: str) -> ObjectStore:
    """The store behind ``OPERATIONS_URL``; a local folder is made when it is missing."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    # Credentials come from the usual variables (AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AWS_…, GOOGLE_…).
    return from_url(url, client_options={"timeout": "10s"}, retry_config={"max_retries": 2})


class _Stored(Operation):
    """An outcome whose result is not read, only handed on."""

    _json: bytes = PrivateAttr(b"")

    def to_json(self) -> bytes:
        return self._json


def _to_store(operation: Operation) -> bytes:
    """JSON with a blank before the result, which stands last: none stands elsewhere outside of strings, and a string
    that holds these bytes has its quotes escaped."""
    if operation.result is None:
        return operation.to_json()
    head = operation.model_dump_json(by_alias=True, exclude={"result"}).encode()
    result = operation.result
    if not isinstance(result, JsonText):
        result = operation.model_dump_json(include={"result"}).encode()[len(b'{"result":') : -1]
    return b"".join((head[:-1], _RESULT, result, b"}"))


def _from_stored(data: bytes) -> Operation:
    end = data.find(_RESULT)
    if end < 0:
        return Operation.model_validate_json(data)
    operation = _Stored.model_validate_json(data[:end] + b"}")
    operation._json = data
    return operation


class Operations:
    """Every method raises Unavailable when the store cannot be reached."""

    def __init__(self, store: ObjectStore, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._begun: TTLCache[str, None] = TTLCache(maxsize=MAX_BEGUN, ttl=BEGUN_S)
        """Ids that are known here to have a status."""
        self._places = Slots(MAX_AT_ONCE, "The operation store is busy; try again in a moment.", PLACE_WAIT_S)

    async def read(self, operation_id: str) -> Operation | None:
        """The outcome with its result if there is one, else the latest progress; None if unknown or expired."""
        operation = await self.outcome(operation_id) or await self._progress(operation_id)
        return None if operation is None else Operation.model_validate_json(operation.to_json())

    async def outcome(self, operation_id: str) -> Operation | None:
        """Its result is only in its JSON."""
        return await self._operation(f"{operation_id}/result.json")

    async def wait(self, operation_id: str, seconds: float) -> Operation | None:
        """The `outcome`, or the latest progress when the time is over. None for an operation that was not begun.

        An id that nobody knows costs one read, and one that this instance knows costs no more than its outcome.
        """
        progress = None
        if operation_id not in self._begun:
            progress = await self._progress(operation_id)
            if progress is None:
                return None
        outcome = await self._outcome(operation_id, seconds)
        if outcome is None and (progress is None or seconds > 0):
            return await self._progress(operation_id)
        return outcome or progress

    async def _outcome(self, operation_id: str, seconds: float) -> Operation | None:
        delay, give_up = POLL_FIRST_S, asyncio.get_running_loop().time() + seconds
        while (outcome := await self.outcome(operation_id)) is None:
            left = give_up - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.sleep(min(delay, left))  # an object store tells nobody of a change
            delay = min(delay * 1.5, POLL_LAST_S)
        return outcome

    async def _progress(self, operation_id: str) -> Operation | None:
        progress = await self._operation(f"{operation_id}/status.json")
        if progress is not None:
            self._begun[operation_id] = None
        return progress

    async def _operation(self, path: str) -> Operation | None:
        """None for one that has expired, too."""
        data = await self._get(path)
        operation = None if data is None else _from_stored(data)
        if operation is None or (operation.expires_at is not None and operation.expires_at < self._clock()):
            return None
        return operation

    async def begin(self, operation: Operation) -> None:
        """Make the operation visible to polls. Progress that arrived first stays."""
        await self._create(f"{operation.operation_id}/status.json", operation.to_json())
        self._begun[str(operation.operation_id)] = None

    async def record(self, operation: Operation) -> None:
        """Store progress, or the outcome if there is none yet."""
        if operation.finished:
            if not await self._create(f"{operation.operation_id}/result.json", _to_store(operation)):
                logger.info("operation %s has its outcome already", operation.operation_id)
        else:
            await self._put(f"{operation.operation_id}/status.json", operation.to_json())

    async def claim(self, operation_id: str, digest: str, expires_at: datetime) -> str | None:
        """Tie an operation id to the digest of a body: None for the first, else the digest that it is tied to."""
        claim = {"digest": digest, "expiresAt": expires_at.isoformat()}
        if await self._create(f"{operation_id}/request.json", orjson.dumps(claim)):
            return None
        return await self.claimed(operation_id) or digest

    async def claimed(self, operation_id: str) -> str | None:
        """The digest that an operation id is tied to; None for a free id and for a claim that has expired."""
        data = await self._get(f"{operation_id}/request.json")
        if data is None:
            return None
        claim = orjson.loads(data)
        expired = datetime.fromisoformat(claim["expiresAt"]) <= self._clock()
        return None if expired else str(claim["digest"])

    async def put_input(self, operation_id: str, rows_json: bytes) -> None:
        await self._put(f"{operation_id}/input.json", rows_json)

    async def get_input(self, operation_id: str) -> JsonValue:
        """Raises KeyError when the input is gone."""
        data = await self._get(f"{operation_id}/input.json")
        if data is None:
            raise KeyError(operation_id)
        rows: JsonValue = orjson.loads(data)
        return rows

    async def shared_secret(self, proposed: bytes) -> bytes:
        """The secret of all instances: the one that was proposed first."""
        while not await self._create(SHARED_BY_INSTANCES, proposed):
            if secret := await self._get(SHARED_BY_INSTANCES):
                return secret
        return proposed

    async def put_secret(self, secret: bytes) -> None:
        await self._put(SHARED_BY_INSTANCES, secret)

    async def _get(self, path: str) -> bytes | None:
        async with self._reaching_the_store():
            try:
                response = await obstore.get_async(self._store, path)
                return bytes(await response.bytes_async())
            except FileNotFoundError:
                return None

    async def _put(self, path: str, data: bytes) -> None:
        async with self._reaching_the_store():
            await obstore.put_async(self._store, path, data)

    async def _create(self, path: str, data: bytes) -> bool:
        """False when the object exists already."""
        async with self._reaching_the_store():
            try:
                await obstore.put_async(self._store, path, data, mode="create")
            except AlreadyExistsError:
                return False
            return True

    @asynccontextmanager
    async def _reaching_the_store(self) -> AsyncIterator[None]:
        async with self._places:
            try:
                yield
            except (BaseError, OSError) as error:
                logger.warning("operation store: %s", error)
                raise Unavailable("The operation store cannot be reached; try again in a moment.") from error
