"""Which functions each Deployment runs: the values of its ``AzureFunctionsJobHost__functions__N`` settings."""

from functions.catalog import catalog
from functions.queues import RESULTS, TRAIN

HEALTH = ("live", "ready")


def dead_letter_function(queue: str) -> str:
    return f"dead_letters_{queue.replace('-', '_')}"


_QUEUES = (TRAIN, RESULTS, *catalog().run_model_queues)

DEPLOYMENTS: dict[str, tuple[str, ...]] = {
    "predict": (
        *("predict", "operation", "models", "model", "openapi", "adopt_results"),
        *(dead_letter_function(queue) for queue in _QUEUES),
        *HEALTH,
    ),
    "train": ("train", *HEALTH),
    "run-model": ("run_model", *HEALTH),
}
"""Every runner pool runs the functions of ``run-model``, with ``RUN_MODEL_QUEUE`` naming its queue."""
