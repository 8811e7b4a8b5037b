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
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url
from pydantic import JsonValue

from functions.contracts import Operation, utc_now
from functions.errors import Unavailable

logger = logging.getLogger(__name__)

POLL_FIRST_S, POLL_LAST_S = 0.05, 1.0
SHARED_BY_INSTANCES = "secret/instances"
"""The object with the secret that all instances of predict share: no operation has such an id."""


def open_store(url: str) -> ObjectStore:
    """The store behind ``OPERATIONS_URL``; a local folder is made when it is missing."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    # Credentials come from the usual variables (AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AWS_…, GOOGLE_…).
    return from_url(url, client_options={"timeout": "10s"}, retry_config={"max_retries": 2})


class Operations:
    """Every method raises Unavailable when the store cannot be reached."""

    def __init__(self, store: ObjectStore, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock

    async def read(self, operation_id: str) -> Operation | None:
        """The outcome if there is one, else the latest progress; None for an unknown or expired operation."""
        for name in ("result", "status"):
            data = await self._get(f"{operation_id}/{name}.json")
            if data is not None:
                operation = Operation.model_validate_json(data)
                expired = operation.expires_at is not None and operation.expires_at < self._clock()
                return None if expired else operation
        return None

    async def wait(self, operation_id: str, seconds: float) -> Operation | None:
        """`read`, again and again until the operation is finished or the time is over."""
        delay, give_up = POLL_FIRST_S, asyncio.get_running_loop().time() + seconds
        while True:
            operation = await self.read(operation_id)
            left = give_up - asyncio.get_running_loop().time()
            if operation is None or operation.finished or left <= 0:
                return operation
            await asyncio.sleep(min(delay, left))  # an object store tells nobody of a change
            delay = min(delay * 1.5, POLL_LAST_S)

    async def begin(self, operation: Operation) -> None:
        """Make the operation visible to polls. Progress that arrived first stays."""
        await self._create(f"{operation.operation_id}/status.json", operation.to_json())

    async def record(self, operation: Operation) -> None:
        """Store progress, or the outcome if there is none yet."""
        if operation.finished:
            if not await self._create(f"{operation.operation_id}/result.json", operation.to_json()):
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
        async with _reaching_the_store():
            try:
                response = await obstore.get_async(self._store, path)
                return bytes(await response.bytes_async())
            except FileNotFoundError:
                return None

    async def _put(self, path: str, data: bytes) -> None:
        async with _reaching_the_store():
            await obstore.put_async(self._store, path, data)

    async def _create(self, path: str, data: bytes) -> bool:
        """False when the object exists already."""
        async with _reaching_the_store():
            try:
                await obstore.put_async(self._store, path, data, mode="create")
            except AlreadyExistsError:
                return False
            return True


@asynccontextmanager
async def _reaching_the_store() -> AsyncIterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        logger.warning("operation store: %s", error)
        raise Unavailable("The operation store cannot be reached; try again in a moment.") from error
