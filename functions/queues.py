"""The names of the queues."""

TRAIN, RESULTS, RUN_MODEL = "train", "results", "run-model"
FAILED = "failed"
"""The originals of dead letters, for `ondemand dead-letters`. No function is triggered by it."""


def pool_queue(pool: str | None) -> str:
    """The queue of a runner pool; None is the default pool."""
    return RUN_MODEL if pool is None else f"{RUN_MODEL}-{pool}"


def dead_letters(queue: str) -> str:
    """The sub-queue that Service Bus moves the dead letters of a queue to."""
    return f"{queue}/$DeadLetterQueue"
