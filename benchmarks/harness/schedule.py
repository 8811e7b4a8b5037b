"""When the requests of an open loop are due."""

from collections.abc import Iterator


def arrivals(rate: float, seconds: float) -> Iterator[float]:
    """Seconds from the start at which requests fall due: *rate* a second, evenly, the first at 0."""
    for number in range(round(rate * seconds)):
        yield number / rate
