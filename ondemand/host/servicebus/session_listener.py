"""Triggers on queues with sessions."""

import asyncio
import logging

from azure.servicebus import NEXT_AVAILABLE_SESSION
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import OperationTimeoutError

from ondemand.host.index import IndexedFunction, ServiceBusTrigger
from ondemand.host.invocation import Invoker
from ondemand.host.options import ServiceBusOptions
from ondemand.host.servicebus.listener import LOST, SOCKET_TIMEOUT_S, Listener
from ondemand.host.servicebus.pump import MessagePump

ACCEPT_WAIT_S = 60.0  # the time the broker holds a request for the next available session
CANCEL_AGAIN_S = 1.0  # the time that a cancelled accept has to end
logger = logging.getLogger(__name__)


class SessionListener(Listener):
    """Takes the next available session while fewer than ``maxConcurrentSessions`` are held, and runs each in order.

    Sessions are asked for one at a time: an idle trigger costs one connection. A session is released when nothing has
    come for ``sessionIdleTimeout``.
    """

    def __init__(
        self, function: IndexedFunction, trigger: ServiceBusTrigger, options: ServiceBusOptions, invoker: Invoker
    ) -> None:
        super().__init__(function, trigger, options, invoker)
        self._free = asyncio.Semaphore(options.max_concurrent_sessions)
        self._sessions: dict[asyncio.Task[None], MessagePump] = {}

    def stop(self) -> None:
        super().stop()
        for pump in self._sessions.values():
            pump.stop()

    async def _listen(self, client: ServiceBusClient) -> None:
        try:
            await self._accept_sessions(client)
        finally:
            if self._sessions:
                await asyncio.wait(self._sessions)

    async def _accept_sessions(self, client: ServiceBusClient) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not stopping.done():
                accepting = asyncio.create_task(self._accept(client))
                await asyncio.wait({accepting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                await _ended(accepting)
                if accepting.cancelled() or (receiver := accepting.result()) is None:
                    continue
                if stopping.done():
                    await receiver.close()
                else:
                    self._serve(receiver)
        finally:
            stopping.cancel()

    async def _accept(self, client: ServiceBusClient) -> ServiceBusReceiver | None:
        await self._free.acquire()
        logger.debug("%s: waiting for a session of %s", self._function.name, self._trigger.entity)
        receiver = client.get_queue_receiver(
            self._trigger.queue,
            session_id=NEXT_AVAILABLE_SESSION,
            max_wait_time=ACCEPT_WAIT_S,
            prefetch_count=self._options.prefetch_count,
            socket_timeout=SOCKET_TIMEOUT_S,
        )
        try:
            opened = await receiver.__aenter__()
        except BaseException as error:  # also a cancellation: the place and the link are given back
            self._free.release()
            await receiver.close()
            if isinstance(error, OperationTimeoutError):
                self._connected()
                return None
            raise
        self._connected()
        return opened

    def _serve(self, receiver: ServiceBusReceiver) -> None:
        pump = MessagePump(self._invoke, max_calls=1, max_renewal=self._options.max_auto_lock_renewal_duration)
        session = asyncio.create_task(self._run_session(receiver, pump))
        self._sessions[session] = pump
        session.add_done_callback(self._release)

    async def _run_session(self, receiver: ServiceBusReceiver, pump: MessagePump) -> None:
        try:
            async with receiver:
                await pump.run(receiver, self._options.session_idle_timeout)
        except LOST as error:
            logger.warning("%s: lost session %s: %s", self._function.name, receiver.session.session_id, error)
        finally:
            await pump.join()

    def _release(self, session: asyncio.Task[None]) -> None:
        del self._sessions[session]
        self._free.release()


async def _ended(task: asyncio.Task[ServiceBusReceiver | None]) -> None:
    """Cancel the task until it has ended: wait_for in Python 3.11 may lose a cancellation (python/cpython#86296)."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
