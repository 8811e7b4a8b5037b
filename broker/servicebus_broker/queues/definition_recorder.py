"""The creation, change and deletion of queues, as a broker reports them to whatever keeps them."""

from typing import Protocol

from servicebus_broker.queues.queue import Queue


class DefinitionRecorder(Protocol):
    """Hears which queues there are. Each means its dead-letter queue, ``queue.dead_letters``, too."""

    def queue_created(self, queue: Queue) -> None:
        """There is a new, empty queue; what changes in it is to be recorded from now on."""

    def queue_updated(self, queue: Queue) -> None:
        """``queue.settings`` have changed."""

    def queue_deleted(self, queue: Queue) -> None:
        """The queue is gone, with all it held."""


class NoDefinitionRecorder:
    """Keeps nothing."""

    def queue_created(self, queue: Queue) -> None: ...

    def queue_updated(self, queue: Queue) -> None: ...

    def queue_deleted(self, queue: Queue) -> None: ...
