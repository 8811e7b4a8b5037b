"""What the decisions make of recorded queue lengths, with the values of keda/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.chart.charts import ROOT
from tests.chart.decision import SYNC_S, History, Policy, Rules, Scaling, hpa_replicas, keda_replicas


@dataclass(frozen=True)
class Change:
    """Seconds since the beginning, and the replicas from then on."""

    at: float
    replicas: int


@dataclass(frozen=True)
class Recording:
    """Messages of a queue by second, each number until the next one, and what the replicas became.

    ``first_poll`` and ``first_sync`` are those of KEDA and of the HorizontalPodAutoscaler.
    """

    lengths: Sequence[tuple[float, float]]
    changes: Sequence[Change]
    first_poll: float
    first_sync: float
    ends: float

    def length(self, now: float) -> float:
        return [messages for at, messages in self.lengths if at <= now][-1]


def replay(scaling: Scaling, recording: Recording) -> list[Change]:
    """What KEDA and the HorizontalPodAutoscaler would have set, from no replicas on."""
    polls = _times(recording.first_poll, scaling.polling_s, recording.ends)
    syncs = _times(recording.first_sync, SYNC_S, recording.ends)
    history, changes, current, active = History(), list[Change](), 0, 0.0
    for now, is_poll in sorted([(at, True) for at in polls] + [(at, False) for at in syncs]):
        load = recording.length(now)
        if is_poll:
            active = now if load > scaling.activation else active
            wanted = keda_replicas(scaling, current, load, now - active)
        else:
            recommended, wanted = hpa_replicas(scaling, current, load, now, history)
            history.note(now, recommended, wanted - current)
        if wanted != current:
            changes.append(Change(now, wanted))
            current = wanted
    return changes


def _times(first: float, every: float, end: float) -> list[float]:
    return [first + number * every for number in range(int((end - first) / every) + 1)]


def queue_scaling(component: str, **changed: Any) -> Scaling:
    """Of ``train`` or ``runModel``; *changed* are other values than the chart's, by their names there."""
    defaults = yaml.safe_load((ROOT / "keda/values.yaml").read_text(encoding="utf-8"))
    values = {**defaults[component], **changed}
    return Scaling(
        min_replicas=values["minReplicas"],
        max_replicas=values["maxReplicas"],
        target=values["messageCount"],
        polling_s=values["pollingInterval"],
        cooldown_s=values["cooldownPeriod"],
        up=_rules(values["behavior"]["scaleUp"]),
        down=_rules(values["behavior"]["scaleDown"]),
        activation=values["activationMessageCount"],
    )


def _rules(values: Mapping[str, Any]) -> Rules:
    policies = tuple(Policy(each["type"], each["value"], each["periodSeconds"]) for each in values["policies"])
    return Rules(values["stabilizationWindowSeconds"], policies, values.get("selectPolicy", "Max"))
