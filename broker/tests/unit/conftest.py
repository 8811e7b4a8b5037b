"""A broker on a clock that the test moves."""

import pytest
from hypothesis import settings

from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import Broker
from tests.unit.queues.conftest import LOCK, FakeClock

QUEUES = [
    QueueSettings("queue", lock_duration=LOCK),
    QueueSettings("sessions", requires_session=True),
    QueueSettings("target"),
    QueueSettings("source", forward_to="target"),
]


# The time of an example depends more on other work of the machine than on the broker.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def broker(clock: FakeClock) -> Broker:
    return Broker(QUEUES, clock)
