"""What things take and what they cost. Measured figures are of this project on a 2-core machine; others are assumed.

Measured by ``python -m benchmarks.scaling.measure`` on 2026-11-23 (one warm model, one-row requests, the local stack):

| connections | requests/s | predictions a message | CPU ms a request: predict | run_model |
|---|---|---|---|---|
| 1 | 53 | 1 | 2.84 | 6.17 |
| 64 | 465 | 8.7 | 0.82 | 0.72 |
| 256 | 683 | 14 | 0.79 | 0.51 |

A merged call of 1, 8, 32, 128, 512 rows took 2.6, 2.6, 2.1, 2.8, 3.4 CPU ms. The constants are a fit of these rows.
"""

from dataclasses import dataclass
from math import inf

from functions.outbox.packing import MAX_SHARED

SECONDS_A_MONTH = 730 * 3600


@dataclass(frozen=True)
class ServiceTimes:
    """Seconds. "CPU" is of one Python worker, which has one core at most, whatever the pod may use."""

    predict_request: float = 0.000_65
    """CPU of predict a request: parse, check, encode, answer. Measured: rows of 64 and 256 connections."""
    predict_message: float = 0.002_2
    """CPU of predict a message: publish it, receive and settle its answer. Measured: the row of 1 connection."""
    prediction: float = 0.000_2
    """CPU of run_model a prediction: decode, rows, answer. Measured: rows of 64 and 256 connections."""
    message: float = 0.002_3
    """CPU of run_model, and assumed of train, a message: receive, settle, publish. Measured: the same."""
    call: float = 0.002_4
    """CPU of one call of a small model's ``predict``, however many are merged in it. Measured: merged calls."""
    row: float = 0.000_002
    """CPU of one more row in it. Measured: merged calls."""
    look_up: float = 0.12
    """MLflow by tag. Measured: "lookup by tag" of docs/benchmarks.md, a busy machine."""
    load: float = 0.19
    """Download and load of a small model. Measured: "new model answer" of docs/benchmarks.md without its look-up."""
    bus_hop: float = 0.010
    """Acceptance of a message by Service Bus, and its way to a receiver. Assumed."""
    databricks_call: float = 0.3
    """One call of the Jobs API. Assumed."""
    training: float = 120.0
    """A Databricks run on serverless compute. Assumed; the wine notebook itself takes 5 s (docs/benchmarks.md)."""
    predict_start: float = 12.0
    """A pod until it is ready, image on the node. Assumed: 5.3 s of docs/benchmarks.md, a container, and probes."""
    train_start: float = 15.0
    """The same; 7.6 s of docs/benchmarks.md."""
    run_model_start: float = 20.0
    """The same; 10.2 s of docs/benchmarks.md. A node that has to be added first takes minutes more."""

    def round(self, messages: int, predictions: int, calls: int = 1) -> float:
        """What a run_model replica takes for messages it holds at once, whose predictions it merges by model."""
        return messages * self.message + predictions * (self.prediction + self.row) + calls * self.call

    def together(self, rate: float) -> float:
        """Predictions that share a message of an instance of predict that gets so many a second.

        What gathers during one send goes together (functions/outbox.py).
        """
        return min(max(rate * self.bus_hop, 1.0), MAX_SHARED)

    def predict_cpu(self, rate: float) -> float:
        """CPU seconds of predict a request, at so many a second and instance."""
        return self.predict_request + self.predict_message / self.together(rate)


@dataclass(frozen=True)
class Prices:
    """US dollars, November 2026: list prices of East US as remembered, not looked up. List price, check yours."""

    vcpu_hour: float = 0.048
    """A quarter of a D4s v5 node; requested cores count, used or not."""
    standard_month: float = 10.0
    """Service Bus Standard, the base charge."""
    standard_millions: tuple[tuple[float, float], ...] = ((13, 0.0), (100, 0.80), (2500, 0.50), (inf, 0.20))
    """Up to so many million operations a month, a million costs so much. A send, a receive, a settlement are three."""
    messaging_unit_month: float = 677.0
    """Service Bus Premium, one messaging unit."""
    databricks_run: float = 0.05
    """A short run on serverless compute."""

    def operations(self, number: float) -> float:
        """Of Service Bus Standard, where the included ones are used up and the next tier is not reached."""
        return number / 1e6 * self.standard_millions[1][1]

    def standard(self, operations_per_second: float) -> float:
        """A month of Service Bus Standard with that many all the time."""
        millions, cost, below = operations_per_second * SECONDS_A_MONTH / 1e6, self.standard_month, 0.0
        for limit, price in self.standard_millions:
            cost += max(min(millions, limit) - below, 0.0) * price
            below = limit
        return cost
