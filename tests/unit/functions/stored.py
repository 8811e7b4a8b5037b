"""Operations as a client reads them."""

from functions.contracts import Operation


def as_read(operation: Operation | None) -> Operation | None:
    """An outcome from the store has its result in its JSON only."""
    return None if operation is None else Operation.model_validate_json(operation.to_json())
