"""Sending a kept message again, as the app itself makes it ready."""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSender

from ondemand.dead_letters.letter import DeadLetter, body_of
from ondemand.functions_app import SCRIPT_ROOT


class ReplayError(Exception):
    """The app cannot make messages ready; the message says why."""


@dataclass(frozen=True)
class Replayed:
    """The new operation of each old one; ``refused`` says why nothing was sent."""

    number: int
    operations: Mapping[str, str]
    refused: str | None


class Replayer:
    """A process of the app, which knows what is in a message, and a sender for each queue."""

    def __init__(self, client: ServiceBusClient, environ: Mapping[str, str]) -> None:
        self._client = client
        self._environ = environ
        self._senders: dict[str, ServiceBusSender] = {}

    def __enter__(self) -> Self:
        command = (sys.executable, "-m", "functions.replays")
        self._process = subprocess.Popen(  # noqa: S603  # a module of the app; what it reads is validated there
            command,
            cwd=SCRIPT_ROOT,
            env=dict(self._environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the command; the process ends with its input
        )
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()
        for sender in self._senders.values():
            sender.close()

    def send(self, message: ServiceBusReceivedMessage) -> Replayed:
        """Send what repeats a kept message. Raises ReplayError and AzureError."""
        letter = DeadLetter.of(message)
        if letter.truncated_from is not None:
            refused = f"only the first {letter.size:,} of its {letter.truncated_from:,} bytes are kept"
            return Replayed(letter.number, {}, refused)
        answer = self._ask(letter, body_of(message))
        for each in answer["messages"]:
            self._sender(letter.queue).send_messages(_message(each, letter))
        return Replayed(letter.number, answer["operations"], answer["refused"])

    def _ask(self, letter: DeadLetter, body: bytes) -> dict[str, Any]:
        question = {
            "id": letter.kept_id,
            "queue": letter.queue,
            "body": base64.urlsafe_b64encode(body).decode(),
            "operations": letter.operations,
        }
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("started without pipes")
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended, and so does its output
        line = self._process.stdout.readline()
        if not line:
            raise ReplayError(f"the app ended with status {self._process.wait()}; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _sender(self, queue: str) -> ServiceBusSender:
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        return self._senders[queue]


def _message(content: Mapping[str, Any], letter: DeadLetter) -> ServiceBusMessage:
    return ServiceBusMessage(
        base64.urlsafe_b64decode(content["body"]),
        message_id=content["messageId"],
        correlation_id=content["operation"],
        reply_to_session_id=content["replyToSession"],
        subject=content["subject"] or letter.subject or None,
        content_type=letter.content_type or None,
        application_properties=content["properties"],
    )
