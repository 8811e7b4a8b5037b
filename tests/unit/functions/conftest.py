"""What the tests of the functions share."""

from collections.abc import Iterator

import pytest

from tests.unit.functions.recording import Recording, recording


@pytest.fixture
def recorded() -> Iterator[Recording]:
    """Telemetry is on, and read by the test."""
    with recording() as recorded:
        yield recorded
