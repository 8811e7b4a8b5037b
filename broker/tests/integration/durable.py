"""Brokers with a data folder, which survive a kill."""

from pathlib import Path

from azure.servicebus.aio import ServiceBusClient

from tests.integration.conftest import START_TIMEOUT, RunningBroker, start_broker


def start(folder: Path) -> RunningBroker:
    return start_broker(folder, "--data", str(folder / "data"))


def kill(broker: RunningBroker) -> None:
    broker.process.kill()
    broker.process.wait(START_TIMEOUT)


def connect(broker: RunningBroker) -> ServiceBusClient:
    return ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0)
