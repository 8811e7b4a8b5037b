"""Fixtures for tests that need a Service Bus: installing the distribution brings them to pytest, by its entry point.

One broker serves a whole run (with pytest-xdist, one each worker); what a test creates is its own, and goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import pytest
from azure.core.exceptions import ResourceNotFoundError

from servicebus_broker.testing import QueueProperties, ServiceBus, running_broker

CONFIG = "servicebus_config"
MARKER = "servicebus_queue"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        CONFIG, "Queues that are there from the start: a Config.json of the Service Bus emulator.", default=""
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(**properties): what the queue of the fixture servicebus_queue is created with."
    )


@dataclass(frozen=True)
class ServiceBusOfTest(ServiceBus):
    """The broker of the run, and the queues that one test created."""

    created: list[str] = field(default_factory=list)

    def create_queue(self, name: str | None = None, **properties: Unpack[QueueProperties]) -> str:
        """Create a queue, which goes when the test ends; returns its name, a new one unless it is given."""
        name = super().create_queue(name, **properties)
        self.created.append(name)
        return name


@pytest.fixture(scope="session")
def servicebus_of_run(pytestconfig: pytest.Config) -> Iterator[ServiceBus]:
    """The one broker of this run."""
    named = str(pytestconfig.getini(CONFIG))
    with running_broker(pytestconfig.rootpath / Path(named) if named else None) as bus:
        yield bus


@pytest.fixture
def servicebus(servicebus_of_run: ServiceBus) -> Iterator[ServiceBusOfTest]:
    """A Service Bus; `create_queue` gives it queues for this test."""
    bus = ServiceBusOfTest(
        servicebus_of_run.connection_string,
        servicebus_of_run.administration_connection_string,
        servicebus_of_run.certificate,
        servicebus_of_run.administration,
    )
    yield bus
    for name in bus.created:
        _delete(bus, name)


@pytest.fixture
def servicebus_queue(servicebus: ServiceBusOfTest, request: pytest.FixtureRequest) -> str:
    """The name of a new queue, with the properties that the test's marker ``servicebus_queue`` gives."""
    marker = request.node.get_closest_marker(MARKER)
    return servicebus.create_queue(**(marker.kwargs if marker else {}))


def _delete(bus: ServiceBus, name: str) -> None:
    try:
        bus.administration.delete_queue(name)
    except ResourceNotFoundError:
        return  # the test deleted it itself
