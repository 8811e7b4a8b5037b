"""Our stack with forwarders in front of the bus and of Databricks that count what passes."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.own.amqp_count import FrameCounter
from benchmarks.own.tap import Sink, Tap
from benchmarks.serving.contenders.ondemand import Ondemand
from ondemand.stack.addresses import HOST
from ondemand.stack.specs import INFRASTRUCTURE

STATUS_CALL = b"GET /api/2.2/jobs/runs/get?"
SUBMIT_CALL = b"POST /api/2.2/jobs/runs/submit"


@dataclass
class Traffic:
    """What was seen so far. ``to_bus`` and ``from_bus`` count frames by performative."""

    to_bus: Counter[str] = field(default_factory=Counter)
    from_bus: Counter[str] = field(default_factory=Counter)
    status_calls: list[float] = field(default_factory=list)
    """The moments of ``runs/get`` calls."""
    submissions: int = 0

    def bus_sinks(self) -> tuple[Sink, Sink]:
        return FrameCounter(self.to_bus), FrameCounter(self.from_bus)

    def databricks_sinks(self) -> tuple[Sink, Sink]:
        return self._count_calls, lambda data: None

    def status_calls_since(self, moment: float) -> list[float]:
        return [call for call in self.status_calls if call >= moment]

    def _count_calls(self, data: bytes) -> None:
        self.status_calls.extend([time.perf_counter()] * data.count(STATUS_CALL))
        self.submissions += data.count(SUBMIT_CALL)


@asynccontextmanager
async def tapped(folder: Path) -> AsyncIterator[tuple[Ondemand, Ondemand, Traffic]]:
    """Broker, MLflow and Databricks of one stack, and the hosts of another one that reaches them through taps."""
    traffic = Traffic()
    async with Ondemand(folder, only=INFRASTRUCTURE) as behind:
        broker = urlsplit(behind.stack.addresses.servicebus_connection.split(";")[0].removeprefix("Endpoint="))
        databricks = urlsplit(behind.stack.addresses.databricks)
        async with (
            Tap(broker.port or 0, traffic.bus_sinks) as bus_tap,
            Tap(databricks.port or 0, traffic.databricks_sinks) as databricks_tap,
        ):
            environ = {
                "SERVICEBUS_CONNECTION": behind.stack.addresses.servicebus_connection.replace(
                    f":{broker.port};", f":{bus_tap.port};"
                ),
                "MLFLOW_TRACKING_URI": behind.stack.addresses.mlflow,
                "DATABRICKS_HOST": f"http://{HOST}:{databricks_tap.port}",
                "DATABRICKS_TOKEN": "local",
                "DATABRICKS_AUTH_TYPE": "pat",
            }
            async with Ondemand(folder / "hosts", environ) as ondemand:
                yield behind, ondemand, traffic
