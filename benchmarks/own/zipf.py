"""Which of many models a request is for, when some are asked for far more often than others."""

import random
from itertools import accumulate


def zipf(models: int, requests: int, seed: int, exponent: float = 1.0) -> list[int]:
    """For each request a model from 0 on; the one of rank k is asked for in proportion to ``1 / k ** exponent``."""
    weights = [*accumulate(1 / rank**exponent for rank in range(1, models + 1))]
    generator = random.Random(seed)  # noqa: S311  # traffic, not secrets
    return generator.choices(range(models), cum_weights=weights, k=requests)
