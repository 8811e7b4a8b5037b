"""A JSON document in an object store that several processes change, one after the other.

Only create-only objects are needed. Each version of the document is an object of its own with the next number as its
name; whoever creates a number first has written that version. Older versions are deleted.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore

from functions.errors import Unavailable

logger = logging.getLogger(__name__)

KEPT = 5
"""Versions that are not deleted: a process may be reading one that was the newest a moment ago."""


class Ledger:
    """Every method raises Unavailable when the store cannot be reached."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._last = (0, b"")

    async def read(self) -> tuple[int, bytes]:
        """The newest version: its number and the document; 0 and no bytes before the first."""
        while True:
            newest = max(await self._versions(), default=0)
            if newest == 0 or newest == self._last[0]:
                return (newest, self._last[1] if newest else b"")
            if (document := await self._get(newest)) is not None:
                self._last = (newest, document)
                return self._last

    async def write(self, read: int, document: bytes) -> bool:
        """Write the version after ``read``. False if another process wrote first: read again, then try again.

        A process that was stopped for long may create a version that was written and deleted meanwhile. There is a
        newer one then, so the document counts only if its version is the newest one.
        """
        version = read + 1
        if not await self._create(version, document):
            return False
        versions = await self._versions()
        if max(versions, default=0) != version:
            return False
        self._last = (version, document)
        await self._delete([each for each in versions if each <= version - KEPT])
        return True

    async def _versions(self) -> list[int]:
        async with _reaching_the_store():
            listed = await obstore.list(self._store, f"{self._folder}/").collect_async()
        names = [str(each["path"]).rpartition("/")[2].removesuffix(".json") for each in listed]
        return [int(name) for name in names if name.isdecimal()]

    async def _get(self, version: int) -> bytes | None:
        async with _reaching_the_store():
            try:
                response = await obstore.get_async(self._store, self._path(version))
                return bytes(await response.bytes_async())
            except FileNotFoundError:
                return None

    async def _create(self, version: int, document: bytes) -> bool:
        async with _reaching_the_store():
            try:
                await obstore.put_async(self._store, self._path(version), document, mode="create")
            except AlreadyExistsError:
                return False
            return True

    async def _delete(self, versions: list[int]) -> None:
        try:
            for version in versions:
                await obstore.delete_async(self._store, self._path(version))
        except (BaseError, OSError) as error:  # also where another process deletes them
            logger.info("old versions of %s are not deleted: %s", self._folder, error)

    def _path(self, version: int) -> str:
        return f"{self._folder}/{version:012}.json"


@asynccontextmanager
async def _reaching_the_store() -> AsyncIterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        logger.warning("operation store: %s", error)
        raise Unavailable("The operation store, which counts trainings, cannot be reached.") from error
