"""The queue `failed` through the SDK: looking at its messages, and taking chosen ones out."""

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import suppress

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusReceiver
from azure.servicebus.exceptions import MessageLockLostError

from ondemand.dead_letters.letter import DeadLetter, Selection, body_of

FAILED = "failed"
PAGE = 32
"""Messages of one answer: 8 MB at most on a Standard namespace."""
RECEIVE_WAIT_S = 5.0
MAX_HELD_BYTES = 128 * 1024 * 1024


class TooManyBeforeError(Exception):
    """The messages before the chosen one are too many to be held while it is looked for."""


def peek(receiver: ServiceBusReceiver, first: int = 0) -> Iterator[ServiceBusReceivedMessage]:
    """Every message from the sequence number ``first`` on, without a lock."""
    while messages := receiver.peek_messages(max_message_count=PAGE, sequence_number=first):
        yield from messages
        first = (messages[-1].sequence_number or 0) + 1


def letters(receiver: ServiceBusReceiver, selection: Selection, queue: str = "") -> Iterator[DeadLetter]:
    """The chosen messages, the oldest first."""
    found = (DeadLetter.of(message, queue) for message in peek(receiver, min(selection.numbers, default=0)))
    return (letter for letter in found if selection.matches(letter))


def take(
    receiver: ServiceBusReceiver, numbers: Set[int], handle: Callable[[ServiceBusReceivedMessage], bool]
) -> set[int]:
    """Give each message of these numbers to ``handle`` and delete it if that returns True; return what was not found.

    Service Bus hands messages out in order only, so those before a chosen one are locked until the end. A message that
    is handled but not deleted, because of a kill, comes again. Raises TooManyBeforeError.
    """
    left = set(numbers)
    locked: dict[int, ServiceBusReceivedMessage] = {}
    held_bytes = 0
    try:
        while left and (messages := receiver.receive_messages(PAGE, RECEIVE_WAIT_S)):
            locked |= {message.sequence_number or 0: message for message in messages}
            for message in messages:
                number = message.sequence_number or 0
                if number in left:
                    left.discard(number)
                    if handle(message):
                        receiver.complete_message(locked.pop(number))
                        continue
                held_bytes += len(body_of(message))
            if held_bytes > MAX_HELD_BYTES:
                raise TooManyBeforeError(f"{len(locked)} messages lie before the rest: purge older ones first")
    finally:
        _release(receiver, locked.values())
    return left


def _release(receiver: ServiceBusReceiver, messages: Iterable[ServiceBusReceivedMessage]) -> None:
    for message in messages:
        with suppress(MessageLockLostError):  # it is free already
            receiver.abandon_message(message)
