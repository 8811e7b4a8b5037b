"""The creation, change and deletion of queues, as a broker reports them for persistence."""

from typing import Protocol

from servicebus_broker.queues.queue import Queue


class DefinitionRecorder(Protocol):
    """Is told which queues exist. Each queue includes its dead-letter queue, ``queue.dead_letters``."""

    def queue_created(self, queue: Queue) -> None:
        """A new, empty queue exists; its changes are recorded from now on."""

    def queue_updated(self, queue: Queue) -> None:
        """``queue.settings`` have changed."""

    def queue_deleted(self, queue: Queue) -> None:
        """The queue is deleted, with its contents."""


class NoDefinitionRecorder:
    """Keeps nothing."""

    def queue_created(self, queue: Queue) -> None: ...

    def queue_updated(self, queue: Queue) -> None: ...

    def queue_deleted(self, queue: Queue) -> None: ...
