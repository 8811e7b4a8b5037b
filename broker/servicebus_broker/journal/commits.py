"""Group commit on an event loop: answers wait for the journal, the event loop waits for nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from servicebus_broker.journal.compaction import Compaction
from servicebus_broker.journal.fsync import INTERVAL, Fsync
from servicebus_broker.journal.journal import Journal
from servicebus_broker.journal.segment import FULL

logger = logging.getLogger(__name__)

_RETRY = 1.0


class DiskFailedError(Exception):
    """The disk failed while the broker ran, by another error than being full."""


class Commits:
    """Commits a journal's changes, one commit after the other; changes during a commit go into the next.

    ``failed`` gets a DiskFailedError when the journal can no longer be used; after that, nobody is answered.
    """

    def __init__(self, journal: Journal, on_idle: Callable[[], None]) -> None:
        """``on_idle`` is called after a commit that had to wait for the disk. Needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self.is_busy = False
        self._journal = journal
        self._on_idle = on_idle
        self._threads = ThreadPoolExecutor(2, "journal")
        self._answer: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._is_dirty = self._is_finishing = False
        self._compaction: Compaction | None = None

    def commit(self, answer: Callable[[], None]) -> None:
        """Commit all changes, then call ``answer``: at once, unless it has to wait for the disk. Not while busy."""
        if not self._journal.has_changes:
            answer()
            self._after_commit()
        elif self._write():
            if self._journal.fsync is Fsync.ALWAYS:
                self._answer_later(answer)
                self._sync()
            else:
                answer()
                self._after_commit()
        elif not self.failed.done():
            self._answer_later(answer)
            self._timer = self._loop.call_later(_RETRY, self._try_again)

    async def finish(self) -> bool:
        """Finish the commit in progress; then, without a pause, commit the rest and close the journal.

        Returns whether all is committed, so that clients may be told. Call it once.
        """
        if self._is_finishing:
            return False
        self.is_busy = self._is_finishing = True
        if self._compaction is not None:
            self._compaction.interrupt()
        if self._syncing is not None:
            await asyncio.wait([self._syncing])
        if self._timer is not None:
            self._timer.cancel()
        # Only a compaction may still run in them, and it ends with its step.
        self._threads.shutdown()
        if self.failed.done():
            self._journal.abandon()
            return False
        self.failed.cancel()
        try:
            self._journal.close()
        except OSError:
            logger.exception("The journal could not be closed in good order. Clients are not told of the last changes.")
            return False
        return True

    def _answer_later(self, answer: Callable[[], None]) -> None:
        self.is_busy = True
        self._answer = answer

    def _answer_now(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            self.is_busy = self._is_finishing
            answer()
            self._on_idle()

    def _write(self) -> bool:
        """Returns whether it succeeded; otherwise `failed` is done, or the disk is full."""
        try:
            self._journal.write()
        except OSError as error:
            if error.errno in FULL:
                logger.error("The disk is full, the reserve is used up: no client is answered until there is room.")
            else:
                self._fail(error)
            return False
        self._is_dirty = True
        return True

    def _try_again(self) -> None:
        self._timer = None
        if self._write():
            self._sync() if self._journal.fsync is Fsync.ALWAYS else self._answer_now()
        elif not self.failed.done():
            self._timer = self._loop.call_later(_RETRY, self._try_again)

    def _after_commit(self) -> None:
        if self._syncing is not None:
            return
        if self._journal.wants_compaction():
            self._compact()
        if self._is_dirty and self._timer is None and self._journal.fsync is Fsync.INTERVAL:
            self._timer = self._loop.call_later(INTERVAL, self._sync)

    def _sync(self) -> None:
        self._timer = None
        self._is_dirty = False
        self._syncing = self._loop.run_in_executor(self._threads, self._journal.sync)
        self._syncing.add_done_callback(self._synced)

    def _synced(self, syncing: asyncio.Future[None]) -> None:
        self._syncing = None
        error = syncing.exception()
        if error is not None:
            self._fail(error)
            return
        self._after_commit()
        self._answer_now()

    def _compact(self) -> None:
        try:
            self._compaction = self._journal.begin_compaction()
        except OSError as error:
            self._fail(error)
            return
        if self._compaction is not None:
            compacting = self._loop.run_in_executor(self._threads, self._compaction.run)
            compacting.add_done_callback(self._compacted)

    def _compacted(self, compacting: asyncio.Future[int | None]) -> None:
        self._compaction = None
        error = compacting.exception()
        if error is None:
            self._journal.end_compaction(compacting.result())
        elif isinstance(error, OSError) and error.errno in FULL:
            logger.warning("The journal stays as large as it is: there is no room to compact it.")
            self._journal.end_compaction(None)
        else:
            self._fail(error)
            return
        if not self.is_busy:
            self._after_commit()

    def _fail(self, error: BaseException) -> None:
        self.is_busy = True
        self._answer = None
        if not self.failed.done():
            failure = DiskFailedError(f"The disk failed, and nobody knows what of the journal is on it: {error}")
            failure.__cause__ = error
            self.failed.set_exception(failure)
