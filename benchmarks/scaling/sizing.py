"""Replicas by arrival rate: what a steady load takes, without time.

For predict it is where the HorizontalPodAutoscaler settles. For run_model it is what has to be there: a queue that is
worked off looks like no load, so KEDA goes below it until the queue grows again (the saw-tooth of docs/scaling.md).
"""

from dataclasses import dataclass
from itertools import count
from math import inf

from benchmarks.scaling.chart import MAX_CONCURRENT_CALLS
from benchmarks.scaling.costs import ServiceTimes
from benchmarks.scaling.decision import Scaling
from benchmarks.scaling.simulation import OPERATIONS

CREDITS = 2
"""Of Service Bus Standard a message: sent and received; a settlement is not in its list."""


HEADROOM = 0.7
"""Of a run_model replica's core that a steady load may take, so that a queue is worked off again."""


@dataclass(frozen=True)
class Settled:
    """What a steady rate leads to. *wanted* is without ``maxReplicas``."""

    predict: int
    predict_wanted: int
    predict_busy: float
    """Of the one core that an instance can use."""
    together: float
    """Predictions a message."""
    messages: float
    """A second, on run-model; as many on results."""
    run_model: int
    run_model_wanted: int
    answer_s: float
    """Infinite where the queue grows for ever."""

    @property
    def operations(self) -> float:
        """Of Service Bus a second."""
        return 2 * self.messages * OPERATIONS

    @property
    def credits(self) -> float:
        """Of Service Bus Standard a second, which grants 1,000."""
        return 2 * self.messages * CREDITS


def settle(rate: float, times: ServiceTimes, predict: Scaling, run_model: Scaling) -> Settled:
    """Where so many one-row requests a second for one model lead to."""
    wanted = next(
        number
        for number in count(max(predict.min_replicas, 1))
        if rate / number * times.predict_cpu(rate / number) <= min(predict.target, 1.0)
    )
    instances = min(wanted, predict.max_replicas)
    busy = rate / instances * times.predict_cpu(rate / instances)
    together = times.together(rate / instances)
    messages = rate / together
    replicas_wanted = next(
        number
        for number in count(max(run_model.min_replicas, 1))
        if _is_enough(messages / number, together, times, run_model.target)
    )
    replicas = min(replicas_wanted, run_model.max_replicas)
    takes = _in_system_s(messages / replicas, together, times) if busy <= 1 else inf
    return Settled(instances, wanted, busy, together, messages, replicas, replicas_wanted, takes + 2 * times.bus_hop)


def _is_enough(messages: float, together: float, times: ServiceTimes, target: float) -> bool:
    """Whether a replica that gets so many a second has headroom, and holds no more than KEDA's target."""
    busy = messages * times.round(1, round(together), calls=0)
    return busy <= HEADROOM and _in_system_s(messages, together, times) * messages <= target


def _in_system_s(messages: float, together: float, times: ServiceTimes) -> float:
    """How long a message stays with a replica that gets so many a second: half a round of waiting, and its own.

    A round holds what came during the one before: m = messages * round(m). Infinite where the replica cannot keep up.
    """
    each, fixed = times.round(1, round(together), calls=0), times.round(0, 0)
    if messages * each >= 1:
        return inf
    at_once = max(messages * fixed / (1 - messages * each), 1.0)
    return 1.5 * (at_once * each + fixed) if at_once <= MAX_CONCURRENT_CALLS else inf
