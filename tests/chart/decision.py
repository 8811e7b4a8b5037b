"""How many replicas KEDA and the HorizontalPodAutoscaler want: pure functions, no clock, no cluster.

KEDA decides between none and some, by activation and cooldown; from one on, the HorizontalPodAutoscaler decides, for a
metric with an average value: tolerance, bounds, stabilisation, then policies, in the order of its own source,
`pkg/controller/podautoscaler/horizontal.go`. Described in
https://keda.sh/docs/latest/concepts/scaling-deployments/ and
https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

TOLERANCE = 0.1
"""`--horizontal-pod-autoscaler-tolerance`: within it nothing changes."""
SYNC_S = 15.0
"""`--horizontal-pod-autoscaler-sync-period`."""
KEEP_S = 3600.0
"""The longest window that a ``behavior`` may have."""


@dataclass(frozen=True)
class Policy:
    """At most so many pods, or per cent of the pods, within the period."""

    type: Literal["Pods", "Percent"]
    value: int
    period_s: float


@dataclass(frozen=True)
class Rules:
    """One direction of a HorizontalPodAutoscaler's ``behavior``."""

    window_s: float
    policies: tuple[Policy, ...]
    select: Literal["Max", "Min", "Disabled"] = "Max"


@dataclass(frozen=True)
class Scaling:
    """A ScaledObject with one trigger. `target` is the metric a replica: messages, or cores in use."""

    min_replicas: int
    max_replicas: int
    target: float
    polling_s: float
    cooldown_s: float
    up: Rules
    down: Rules
    activation: float = 0


@dataclass
class History:
    """What a HorizontalPodAutoscaler remembers: what it recommended, and by how much it changed the replicas."""

    recommended: list[tuple[float, int]] = field(default_factory=list)
    changed: list[tuple[float, int]] = field(default_factory=list)

    def note(self, now: float, recommendation: int, change: int) -> None:
        self.recommended = [*_since(self.recommended, now - KEEP_S), (now, recommendation)]
        self.changed = [*_since(self.changed, now - KEEP_S), *([(now, change)] if change else [])]


def keda_replicas(scaling: Scaling, current: int, load: float, idle_s: float) -> int:
    """What KEDA itself sets: the first replica when the load is above the activation, none after the cooldown.

    `idle_s` is how long the load has not been above the activation.
    """
    if load > scaling.activation:
        return current or max(scaling.min_replicas, 1)
    if current and scaling.min_replicas == 0 and idle_s >= scaling.cooldown_s:
        return 0
    return current


def recommended_replicas(current: int, load: float, target: float) -> int:
    """``ceil(load / target)``, or the current number where that is within the tolerance."""
    if current and abs(1 - load / (target * current)) <= TOLERANCE:
        return current
    return math.ceil(load / target)


def hpa_replicas(scaling: Scaling, current: int, load: float, now: float, history: History) -> tuple[int, int]:
    """The recommendation, which goes into the history, and the replicas that are set now. It is off at 0 replicas."""
    if current == 0:
        return 0, 0
    least = max(scaling.min_replicas, 1)
    bounded = min(max(recommended_replicas(current, load, scaling.target), least), scaling.max_replicas)
    stable = _stabilised(scaling, current, bounded, now, history)
    if stable > current:
        limit = _limit(scaling.up, current, now, history.changed, +1)
        return bounded, min(stable, max(limit, current), scaling.max_replicas)
    if stable < current:
        limit = _limit(scaling.down, current, now, history.changed, -1)
        return bounded, max(stable, min(limit, current), least)
    return bounded, current


def _stabilised(scaling: Scaling, current: int, proposed: int, now: float, history: History) -> int:
    """Never above the lowest recommendation of the window for growing, nor below the highest of that for shrinking."""
    up = min([proposed, *_values_since(history.recommended, now - scaling.up.window_s)])
    down = max([proposed, *_values_since(history.recommended, now - scaling.down.window_s)])
    return min(max(current, up), down)


def _limit(rules: Rules, current: int, now: float, changed: Sequence[tuple[float, int]], sign: int) -> int:
    """As far as the policies let it go in this direction."""
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        before = current - sum(_values_since(changed, now - policy.period_s))
        if policy.type == "Pods":
            limits.append(before + sign * policy.value)
        else:
            share = before * (1 + sign * policy.value / 100)
            limits.append(math.ceil(share) if sign > 0 else math.floor(share))
    furthest = (rules.select == "Max") == (sign > 0)
    return max(limits) if furthest else min(limits)


def _since(events: Iterable[tuple[float, int]], moment: float) -> list[tuple[float, int]]:
    return [event for event in events if event[0] > moment]


def _values_since(events: Iterable[tuple[float, int]], moment: float) -> list[int]:
    return [value for _, value in _since(events, moment)]
