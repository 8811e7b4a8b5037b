"""Replicas that come and go as KEDA and the HorizontalPodAutoscaler say, and queues that they work off."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil, fsum
from typing import Literal

from benchmarks.scaling.chart import MAX_CONCURRENT_CALLS
from benchmarks.scaling.clock import Clock
from benchmarks.scaling.decision import SYNC_S, History, Scaling, hpa_replicas, keda_replicas

POLL_AT_S, SYNC_AT_S = 3.337, 8.513
"""When KEDA and the HorizontalPodAutoscaler look for the first time: at no moment at which anything else happens."""
DEPTH_EVERY_S = 5.0
"""How often the depth of a queue is noted, for the plots."""


@dataclass
class Lot:
    """Requests that came at one moment and stay together."""

    came: float
    count: int
    waits: bool = True
    """Its clients hold connections to predict."""


@dataclass
class Message:
    model: int
    sender: int
    """The instance of predict that its answers go to."""
    lots: list[Lot]
    kind: Literal["run", "run trained", "train"] = "run"

    @property
    def predictions(self) -> int:
        return sum(lot.count for lot in self.lots)


@dataclass
class Replica:
    ready: bool = False
    busy: bool = False
    gone: bool = False
    models: set[int] = field(default_factory=set)
    """Models in its memory."""
    looks: set[tuple[int, int]] = field(default_factory=set)
    """The looks at runs, by model and number, for which it has asked Databricks."""


class Deployment:
    """Replicas, each of which takes its time to start; `starts` and `pod_seconds` are counted."""

    def __init__(self, clock: Clock, scaling: Scaling, start_s: float) -> None:
        self.clock = clock
        self.scaling = scaling
        self.start_s = start_s
        self.replicas = [Replica(ready=True) for _ in range(scaling.min_replicas)]
        self.starts = 0
        self.peak = len(self.replicas)
        self.timeline: list[tuple[float, int]] = [(0.0, len(self.replicas))]
        self.on_ready: Callable[[], None] = lambda: None

    @property
    def ready(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.ready]

    def resize(self, wanted: int) -> None:
        for _ in range(wanted - len(self.replicas)):
            replica = Replica()
            self.replicas.append(replica)
            self.starts += 1
            self.clock.after(self.start_s, partial(self._become_ready, replica))
        for _ in range(len(self.replicas) - wanted):
            leaving = min(self.replicas, key=lambda replica: (replica.ready, replica.busy))
            leaving.gone = True
            self.replicas.remove(leaving)
        if self.timeline[-1][1] != wanted:
            self.timeline.append((self.clock.now, wanted))
        self.peak = max(self.peak, wanted)

    def pod_seconds(self, until: float) -> float:
        """From the creation of each pod to its end, or to the end of the simulation."""
        ends = [moment for moment, _ in self.timeline[1:]] + [until]
        return fsum(count * (end - begin) for (begin, count), end in zip(self.timeline, ends, strict=True))

    def _become_ready(self, replica: Replica) -> None:
        if not replica.gone:
            replica.ready = True
            self.on_ready()


class Scaler:
    """KEDA's operator and the HorizontalPodAutoscaler of one Deployment; `load` is its metric."""

    def __init__(self, clock: Clock, deployment: Deployment, load: Callable[[], float]) -> None:
        self._clock = clock
        self._deployment = deployment
        self._load = load
        self._cached = 0.0
        self._active = 0.0
        self._history = History()
        clock.every(deployment.scaling.polling_s, self._poll, first=POLL_AT_S)
        clock.every(SYNC_S, self._sync, first=SYNC_AT_S)

    def _poll(self) -> None:
        scaling, now = self._deployment.scaling, self._clock.now
        self._cached = self._load()
        if self._cached > scaling.activation:
            self._active = now
        current = len(self._deployment.replicas)
        self._deployment.resize(keda_replicas(scaling, current, self._cached, now - self._active))

    def _sync(self) -> None:
        scaling, now = self._deployment.scaling, self._clock.now
        load = self._cached if scaling.use_cached_metrics else self._load()
        current = len(self._deployment.replicas)
        recommended, wanted = hpa_replicas(scaling, current, load, now, self._history)
        if current:
            keep = max(scaling.up.window_s, scaling.down.window_s, *(rule.period_s for rule in scaling.down.policies))
            self._history.note(now, recommended, wanted - current, keep)
        self._deployment.resize(wanted)


class Workers:
    """A queue and the replicas that take messages from it: a free one takes its share, at most `maxConcurrentCalls`.

    What came while it worked is taken together then, which is how predictions are merged.
    """

    def __init__(
        self,
        clock: Clock,
        deployment: Deployment,
        work: Callable[[Replica, Sequence[Message]], float],
        done: Callable[[Sequence[Message]], None],
    ) -> None:
        self._clock = clock
        self.deployment = deployment
        self._work = work
        self._done = done
        self._waiting: deque[Message] = deque()
        self._in_hand = 0
        self.deepest = 0
        self.depths: list[tuple[float, int]] = []
        clock.every(DEPTH_EVERY_S, lambda: self.depths.append((clock.now, self.active_messages)))
        deployment.on_ready = self._dispatch
        Scaler(clock, deployment, lambda: self.active_messages)

    @property
    def active_messages(self) -> int:
        """What Service Bus counts: also what is in work, but nothing that is scheduled for later."""
        return len(self._waiting) + self._in_hand

    def send(self, messages: Iterable[Message]) -> None:
        self._waiting.extend(messages)
        self.deepest = max(self.deepest, self.active_messages)
        self._dispatch()

    def _dispatch(self) -> None:
        free = [replica for replica in self.deployment.replicas if replica.ready and not replica.busy]
        while free and self._waiting:
            share = min(ceil(len(self._waiting) / len(free)), MAX_CONCURRENT_CALLS)
            self._take(free.pop(), [self._waiting.popleft() for _ in range(share)])

    def _take(self, replica: Replica, messages: Sequence[Message]) -> None:
        replica.busy = True
        self._in_hand += len(messages)

        def finish() -> None:
            replica.busy = False
            self._in_hand -= len(messages)
            self._done(messages)
            self._dispatch()

        self._clock.after(self._work(replica, messages), finish)
