"""Fixtures for tests that need a Service Bus. Installing the distribution brings them to pytest, by its entry point.

One broker serves a whole run (with pytest-xdist, one each worker). Queues that a test creates are deleted when it ends.

pytest imports this module in every run of an environment that has the distribution, so it imports nothing else of it
before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from servicebus_broker.testing import ServiceBus

CONFIG = "servicebus_config"
MARKER = "servicebus_queue"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        CONFIG, "Queues that are there from the start: a Config.json of the Service Bus emulator.", default=""
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(**properties): properties of the queue that the fixture servicebus_queue creates."
    )


@pytest.fixture(scope="session")
def servicebus_of_run(pytestconfig: pytest.Config) -> Iterator[ServiceBus]:
    """The one broker of this run."""
    try:
        from servicebus_broker.testing import running_broker
    except ImportError as error:
        pytest.fail(str(error), pytrace=False)
    config = str(pytestconfig.getini(CONFIG))
    with running_broker(pytestconfig.rootpath / config if config else None) as bus:
        yield bus


@pytest.fixture
def servicebus(servicebus_of_run: ServiceBus) -> Iterator[ServiceBus]:
    """A Service Bus whose `create_queue` creates queues for this test."""
    with servicebus_of_run.for_one_test() as bus:
        yield bus


@pytest.fixture
def servicebus_queue(servicebus: ServiceBus, request: pytest.FixtureRequest) -> str:
    """The name of a new queue, with the properties of the test's marker ``servicebus_queue``."""
    marker = request.node.get_closest_marker(MARKER)
    return servicebus.create_queue(**(marker.kwargs if marker else {}))
