"""Clients that continue after every kill of the broker, with the unmodified SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from azure.servicebus.exceptions import ServiceBusError

from tests.integration.kill_loop_ledger import Ledger

SESSIONS = ("s0", "s1", "s2")
BATCH = 5
SCHEDULED_FOR = timedelta(milliseconds=500)
_PAUSE = 0.05
_PATIENCE = 20
_WAIT = 0.5
# Errors of the SDK when its peer dies: its own, and those of its clean-up.
_GONE = (ServiceBusError, OSError, AttributeError, ValueError, TimeoutError)

Work = Callable[[ServiceBusClient], Awaitable[None]]


class Clients:
    """They run until ``stop`` is set; ``progress`` is set at each answer to a sender."""

    def __init__(self, connection_string: str, random: Random) -> None:
        self.stop = asyncio.Event()
        self.progress = asyncio.Event()
        self.plain, self.once, self.sessions = Ledger(), Ledger(), Ledger()
        self.states = dict.fromkeys(SESSIONS, 0)
        self.stale_states: list[str] = []
        self._connection_string = connection_string
        self._random = random

    async def run(self) -> None:
        """Run all clients."""
        works: list[Work] = [
            Sender(self, "plain", self.plain, "single").work,
            Sender(self, "plain", self.plain, "batch", size=BATCH).work,
            Sender(self, "plain", self.plain, "scheduled", send=_schedule).work,
            Sender(self, "once", self.once, "once").work,
            Sender(self, "sessions", self.sessions, "session").work,
            self._receive_plain,
            self._receive_once,
            self._receive_session,
        ]
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                tasks.create_task(self._again_and_again(work))

    async def _again_and_again(self, work: Work) -> None:
        while not self.stop.is_set():
            try:
                async with self._connected() as client:
                    await work(client)
            except _GONE:
                await asyncio.sleep(_PAUSE)  # the broker is being killed

    def _connected(self) -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(self._connection_string, retry_total=0)

    async def _receive_plain(self, client: ServiceBusClient) -> None:
        """Complete most messages, and use every other settlement for the rest."""
        deferred: list[int] = []
        async with client.get_queue_receiver("plain") as receiver:
            while not self.stop.is_set():
                for message in await receiver.receive_messages(10, max_wait_time=_WAIT):
                    number = self._delivered(self.plain, message)
                    match self._random.randrange(10):
                        case 0:
                            await receiver.abandon_message(message)
                        case 1:
                            await receiver.defer_message(message)
                            deferred.append(number)
                        case 2 if number % 3 == 0:
                            await receiver.dead_letter_message(message)
                        case _:
                            await self._complete(self.plain, receiver, message)
                while len(deferred) > BATCH:
                    for message in await receiver.receive_deferred_messages([deferred.pop(), deferred.pop()]):
                        self._delivered(self.plain, message)
                        await self._complete(self.plain, receiver, message)

    async def _receive_once(self, client: ServiceBusClient) -> None:
        async with client.get_queue_receiver("once") as receiver:
            while not self.stop.is_set():
                for message in await receiver.receive_messages(10, max_wait_time=_WAIT):
                    self._delivered(self.once, message)
                    await self._complete(self.once, receiver, message)

    async def _receive_session(self, client: ServiceBusClient) -> None:
        """Hold the next session for a moment: complete its messages, and note the progress in its state."""
        while not self.stop.is_set():
            async with client.get_queue_receiver(
                "sessions", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=2
            ) as receiver:
                session = receiver.session.session_id
                await self._check_state(receiver, session)
                for message in await receiver.receive_messages(10, max_wait_time=_WAIT):
                    self._delivered(self.sessions, message)
                    await self._complete(self.sessions, receiver, message)
                state = self.states[session] + 1
                await receiver.session.set_state(str(state).encode())
                self.states[session] = state

    async def _check_state(self, receiver: ServiceBusReceiver, session: str) -> None:
        """The state is the last one that was set, or the one whose answer did not come."""
        state = await receiver.session.get_state()
        found = int(state) if state else 0
        if found not in (self.states[session], self.states[session] + 1):
            self.stale_states.append(f"{session}: {found} for {self.states[session]}")
        self.states[session] = found

    @staticmethod
    def _delivered(ledger: Ledger, message: ServiceBusReceivedMessage) -> int:
        assert message.sequence_number is not None
        ledger.delivered(str(message), message.sequence_number)
        return message.sequence_number

    @staticmethod
    async def _complete(ledger: Ledger, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
        assert message.sequence_number is not None
        ledger.completing(str(message))
        await receiver.complete_message(message)
        ledger.completed(message.sequence_number)


async def _send(sender: ServiceBusSender, messages: list[ServiceBusMessage]) -> None:
    await sender.send_messages(messages if len(messages) > 1 else messages[0])


async def _schedule(sender: ServiceBusSender, messages: list[ServiceBusMessage]) -> None:
    await sender.schedule_messages(messages, datetime.now(UTC) + SCHEDULED_FOR)


class Sender:
    """Repeats each text until it is accepted, over connections and brokers, then sends the next."""

    def __init__(
        self,
        clients: Clients,
        queue: str,
        ledger: Ledger,
        name: str,
        size: int = 1,
        send: Callable[[ServiceBusSender, list[ServiceBusMessage]], Awaitable[None]] = _send,
    ) -> None:
        self._clients = clients
        self._queue = queue
        self._ledger = ledger
        self._send = send
        self._batches = ([f"{name} {number} {part}" for part in range(size)] for number in count())
        self._batch = next(self._batches)

    async def work(self, client: ServiceBusClient) -> None:
        async with client.get_queue_sender(self._queue) as sender:
            while not self._clients.stop.is_set():
                self._ledger.sending(self._batch)
                try:
                    async with asyncio.timeout(_PATIENCE):
                        await self._send(sender, [_message(text) for text in self._batch])
                except _GONE:
                    self._ledger.unanswered(self._batch)
                    raise
                self._ledger.answered(self._batch)
                self._batch = next(self._batches)
                self._clients.progress.set()


def _message(text: str) -> ServiceBusMessage:
    session = SESSIONS[int(text.split()[1]) % len(SESSIONS)] if text.startswith("session") else None
    return ServiceBusMessage(text, message_id=text, session_id=session)
