"""Requests on their way through predict, run_model and train, until each is answered."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, pairwise
from math import ceil, fsum
from random import Random

from benchmarks.scaling.chart import DEFAULT_WAIT_S, MAX_WAITING, cpu_request, predict_scaling, queue_scaling
from benchmarks.scaling.clock import Clock
from benchmarks.scaling.costs import ServiceTimes
from benchmarks.scaling.decision import SYNC_S, Scaling
from benchmarks.scaling.pools import Deployment, Lot, Message, Replica, Scaler, Workers
from functions.backoff import next_poll
from functions.outbox.packing import MAX_SHARED

TICK_S = 0.1
"""What comes to predict within it is handled together."""
SLICES = 5
"""In which what was handled together goes out over the next tick: a queue that fills in jumps looks empty between."""
TRY_AGAIN_S = 1.0
"""Retry-After of a 429."""
OPERATIONS = 3
"""Of Service Bus a message: sent, received, settled."""
LONGEST_S = 7 * 86_400.0


@dataclass(frozen=True)
class System:
    """What is simulated; by default the charts' values and the measured service times."""

    times: ServiceTimes = field(default_factory=ServiceTimes)
    predict: Scaling = field(default_factory=predict_scaling)
    predict_cores: float = field(default_factory=lambda: cpu_request("predict"))
    """What a pod of it asks for."""
    run_model: Scaling = field(default_factory=lambda: queue_scaling("runModel"))
    train: Scaling = field(default_factory=lambda: queue_scaling("train"))
    max_waiting: int = MAX_WAITING
    wait_s: float = DEFAULT_WAIT_S


@dataclass
class Outcome:
    """What came of a scenario. Seconds."""

    asked: int = 0
    answered: int = 0
    refused: int = 0
    """Tries that got 429 and were tried again."""
    drained: float = 0.0
    """When the last answer was there."""
    ended: float = 0.0
    """When the queue-driven Deployments were at their minimum again."""
    took: list[tuple[float, int]] = field(default_factory=list)
    """From the first try of a request to its answer, and how many requests took that."""
    trainings: int = 0
    operations: int = 0
    by_second: Counter[int] = field(default_factory=Counter)
    """Operations of Service Bus."""

    def percentile(self, percent: float) -> float:
        """The shortest time within which so many per cent of the requests were answered (nearest rank)."""
        rank, answered = self.answered * percent / 100, 0
        for seconds, requests in sorted(self.took):
            answered += requests
            if answered >= rank:
                return seconds
        raise ValueError("nothing was answered")


class Simulation:
    """Runs once. `arrivals` are moments in order and how many requests come then, for one of `models` models."""

    def __init__(
        self,
        system: System,
        arrivals: Iterable[tuple[float, int]],
        *,
        models: int = 1,
        trained: bool = True,
        seed: int = 0,
    ) -> None:
        self.outcome = Outcome()
        self._system, self._times = system, system.times
        self._models = models
        self._random = Random(seed)  # noqa: S311  # it draws models, not secrets
        self._trained = set(range(models)) if trained else set()
        self._runs: dict[int, float] = {}
        self._senders = count()
        self._clock = Clock()
        self._arrivals = iter(arrivals)
        self._coming = True
        self._at_door: deque[Lot] = deque()
        self._waiters: deque[Lot] = deque()
        self._waiting = 0
        self._predict_is_due = False
        self._cpu: deque[tuple[float, float]] = deque()
        self.predict = Deployment(self._clock, system.predict, self._times.predict_start)
        Scaler(self._clock, self.predict, self._cores_in_use)
        self.run_model = Workers(
            self._clock,
            Deployment(self._clock, system.run_model, self._times.run_model_start),
            self._run_models,
            self._ran,
        )
        self.train = Workers(
            self._clock,
            Deployment(self._clock, system.train, self._times.train_start),
            self._look,
            self._looked_at,
        )

    @property
    def deployments(self) -> dict[str, Deployment]:
        """By their names in the charts' values."""
        return {"predict": self.predict, "runModel": self.run_model.deployment, "train": self.train.deployment}

    def run(self) -> Outcome:
        """Until all is answered and the queue-driven Deployments are back at their minimum."""
        self._next_arrival()
        self._clock.run(self._is_over, LONGEST_S)
        self.outcome.ended = self._clock.now
        return self.outcome

    def _is_over(self) -> bool:
        if self._coming or self.outcome.answered < self.outcome.asked:
            return False
        return all(
            len(workers.deployment.replicas) <= workers.deployment.scaling.min_replicas
            for workers in (self.run_model, self.train)
        )

    def _next_arrival(self) -> None:
        arrival = next(self._arrivals, None)
        if arrival is None:
            self._coming = False
            return
        moment, requests = arrival
        self._clock.at(moment, partial(self._arrive, requests))

    def _arrive(self, requests: int) -> None:
        self.outcome.asked += requests
        self._enter(Lot(self._clock.now, requests))
        self._next_arrival()

    # predict

    def _enter(self, lot: Lot) -> None:
        self._at_door.append(lot)
        if not self._predict_is_due:
            self._predict_is_due = True
            self._clock.after(TICK_S, self._predict)

    def _predict(self) -> None:
        """What one tick's CPU allows: admit, or refuse where too many wait already."""
        self._predict_is_due = False
        self._let_go(self._clock.now - self._system.wait_s)
        instances = len(self.predict.ready)
        budget = instances * TICK_S
        asked = min(sum(lot.count for lot in self._at_door), int(budget / self._times.predict_request))
        rate = asked / TICK_S / instances
        cost = self._times.predict_cpu(rate)
        refused: list[Lot] = []
        while self._at_door and budget >= cost:
            lot = self._at_door.popleft()
            room = instances * self._system.max_waiting - self._waiting
            if room:
                taken = min(lot.count, room, int(budget / cost))
                budget -= taken * cost
                self._admit(lot.came, taken, self._times.together(rate))
            else:
                taken = min(lot.count, int(budget / self._times.predict_request))
                budget -= taken * self._times.predict_request
                refused.append(Lot(lot.came, taken))
            if taken < lot.count:
                self._at_door.appendleft(Lot(lot.came, lot.count - taken))
        self._cpu.append((self._clock.now, instances * TICK_S - budget))
        for lot in refused:
            self.outcome.refused += lot.count
            self._clock.after(TRY_AGAIN_S, partial(self._enter, lot))
        if self._at_door:
            self._predict_is_due = True
            self._clock.after(TICK_S, self._predict)

    def _admit(self, came: float, requests: int, together: float) -> None:
        messages = ceil(requests / together)
        ends = [requests * number // messages for number in range(messages + 1)]
        lots = [Lot(came, end - begin) for begin, end in pairwise(ends)]
        self._waiting += requests
        self._waiters.extend(lots)
        instances = len(self.predict.ready)
        every = ceil(messages / SLICES)
        for first in range(0, messages, every):
            self._publish(
                self.run_model,
                [
                    Message(self._draw_model(), next(self._senders) % instances, [lot])
                    for lot in lots[first : first + every]
                ],
                later=TICK_S * first / messages,
            )

    def _draw_model(self) -> int:
        return self._random.randrange(self._models) if self._models > 1 else 0

    def _let_go(self, came_before: float) -> None:
        """Clients that have waited long enough leave with a 202."""
        while self._waiters and self._waiters[0].came <= came_before:
            self._stop_waiting(self._waiters.popleft())

    def _stop_waiting(self, lot: Lot) -> None:
        if lot.waits:
            lot.waits = False
            self._waiting -= lot.count

    def _cores_in_use(self) -> float:
        while self._cpu and self._cpu[0][0] <= self._clock.now - SYNC_S:
            self._cpu.popleft()
        return fsum(used for _, used in self._cpu) / SYNC_S

    # run_model

    def _run_models(self, replica: Replica, messages: Sequence[Message]) -> float:
        """The seconds of a round. What is not trained is marked for training."""
        new = {message.model for message in messages} - replica.models
        seconds = self._times.look_up if new else 0.0
        seconds += self._times.load if new & self._trained else 0.0
        replica.models |= new & self._trained
        for message in messages:
            if message.model not in self._trained:
                message.kind = "train"
        answered = [message for message in messages if message.kind != "train"]
        predictions = sum(message.predictions for message in answered)
        return seconds + self._times.round(len(messages), predictions, len({each.model for each in answered}))

    def _ran(self, messages: Sequence[Message]) -> None:
        self._count_replies(messages)
        answered = [message for message in messages if message.kind != "train"]
        self._clock.after(self._times.bus_hop, partial(self._answer, answered))
        for message in messages:
            if message.kind == "train":
                self._ask_for_training(message)

    def _answer(self, messages: Sequence[Message]) -> None:
        for lot in chain.from_iterable(message.lots for message in messages):
            self._stop_waiting(lot)
            self.outcome.answered += lot.count
            self.outcome.took.append((self._clock.now - lot.came, lot.count))
            self.outcome.drained = self._clock.now

    def _ask_for_training(self, message: Message) -> None:
        """Each request has a message of its own from here on, and its client has its 202."""
        for lot in message.lots:
            self._stop_waiting(lot)
            alone = [Lot(lot.came, 1, waits=False) for _ in range(lot.count)]
            self._publish(self.train, [Message(message.model, message.sender, [each], "train") for each in alone])

    # train

    def _look(self, replica: Replica, messages: Sequence[Message]) -> float:
        now = self._clock.now
        looks = {(message.model, next_poll(now - self._runs.get(message.model, now))[0]) for message in messages}
        call = 0.0 if looks <= replica.looks else self._times.databricks_call
        replica.looks |= looks
        return len(messages) * self._times.message + call

    def _looked_at(self, messages: Sequence[Message]) -> None:
        """Start what is not started, look again later, or hand over what is trained."""
        now = self._clock.now
        for model in sorted({message.model for message in messages}):
            waiters = [message for message in messages if message.model == model]
            if model not in self._runs:
                self._runs[model] = now
                self.outcome.trainings += 1
            age = now - self._runs[model]
            if age < self._times.training:
                self._publish(self.train, waiters, later=next_poll(age)[1])
                continue
            self._trained.add(model)
            for message in waiters:
                message.kind = "run trained"
            self._publish(self.run_model, waiters)

    # Service Bus

    def _publish(self, queue: Workers, messages: Sequence[Message], later: float = 0.0) -> None:
        self._count(len(messages))
        self._clock.after(later + self._times.bus_hop, partial(queue.send, messages))

    def _count_replies(self, messages: Sequence[Message]) -> None:
        """Answers of a round to one instance of predict share messages."""
        to: Counter[int] = Counter()
        for message in messages:
            to[message.sender] += message.predictions
        self._count(sum(ceil(answers / MAX_SHARED) for answers in to.values()))

    def _count(self, messages: int) -> None:
        self.outcome.operations += OPERATIONS * messages
        self.outcome.by_second[int(self._clock.now)] += OPERATIONS * messages
