"""What KEDA and the HorizontalPodAutoscaler decide: by the examples of their documentation, and as they really did."""

import pytest

from tests.chart.decision import (
    History,
    Policy,
    Rules,
    Scaling,
    hpa_replicas,
    keda_replicas,
    recommended_replicas,
)
from tests.chart.replay import Change, Recording, queue_scaling, replay

FREE = Rules(window_s=0, policies=(Policy("Percent", 1000, 15), Policy("Pods", 1000, 15)))
"""Lets everything through."""


def scaling(up: Rules = FREE, down: Rules = FREE, least: int = 0, most: int = 100, activation: float = 0) -> Scaling:
    return Scaling(least, most, 10, 30, 300, up, down, activation)


@pytest.mark.parametrize(
    ("current", "load", "target", "expected"),
    [
        (1, 200, 100, 2),  # Kubernetes' documentation: 200m for 100m doubles,
        (2, 100, 100, 1),  # 50m on average halves,
        (50, 50 * 90, 75, 60),  # and 90 % for 75 % makes 60 of 50
        (10, 109, 10, 10),  # within a tenth nothing happens,
        (10, 91, 10, 10),
        (10, 111, 10, 12),  # beyond it all is made up for
        (10, 89, 10, 9),
        (5, 0, 10, 0),
    ],
)
def test_recommendation(current: int, load: float, target: float, expected: int) -> None:
    assert recommended_replicas(current, load, target) == expected


@pytest.mark.parametrize(
    ("least", "activation", "current", "load", "idle_s", "expected"),
    [
        (0, 0, 0, 0, 0, 0),
        (0, 0, 0, 1, 0, 1),  # "activation" is above, not at
        (0, 5, 0, 5, 0, 0),
        (0, 5, 0, 6, 0, 1),
        (3, 0, 0, 1, 0, 3),  # the first replicas are minReplicaCount
        (0, 0, 4, 0, 299, 4),  # cooldownPeriod
        (0, 0, 4, 0, 300, 0),  # from however many to none
        (1, 0, 4, 0, 900, 4),  # not below minReplicaCount: that is the HorizontalPodAutoscaler's
        (0, 5, 4, 3, 300, 0),
        (0, 0, 4, 1, 900, 4),
    ],
)
def test_between_none_and_some(
    least: int, activation: float, current: int, load: float, idle_s: float, expected: int
) -> None:
    assert keda_replicas(scaling(least=least, activation=activation), current, load, idle_s) == expected


@pytest.mark.parametrize(
    ("least", "most", "current", "load", "expected"),
    [(0, 20, 0, 500, 0), (0, 20, 5, 0, 1), (2, 20, 5, 0, 2), (0, 20, 5, 500, 20), (0, 20, 5, 120, 12)],
)
def test_bounds(least: int, most: int, current: int, load: float, expected: int) -> None:
    assert hpa_replicas(scaling(least=least, most=most), current, load, 0, History())[1] == expected


def run(rules: Scaling, current: int, loads: list[float], every_s: float = 15) -> list[int]:
    """The replicas after each sync."""
    history, replicas = History(), []
    for number, load in enumerate(loads):
        recommended, wanted = hpa_replicas(rules, current, load, number * every_s, history)
        history.note(number * every_s, recommended, wanted - current)
        current = wanted
        replicas.append(current)
    return replicas


def test_growth_doubles_or_adds_four_whichever_is_more() -> None:
    up = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))
    assert run(scaling(up=up), 1, [10_000] * 5) == [5, 10, 20, 40, 80]


def test_growth_by_the_smaller_policy() -> None:
    up = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)), select="Min")
    assert run(scaling(up=up), 1, [10_000] * 4) == [2, 4, 8, 12]


def test_no_growth_where_it_is_disabled() -> None:
    assert run(scaling(up=Rules(0, (Policy("Pods", 4, 15),), select="Disabled")), 3, [10_000]) == [3]


def test_what_was_added_in_the_period_counts() -> None:
    assert run(scaling(up=Rules(0, (Policy("Pods", 4, 60),))), 1, [10_000] * 6) == [5, 5, 5, 5, 9, 9]


def test_shrinking_as_in_the_documentation() -> None:
    """80 replicas, 10 % or 4 pods a minute: 8 go, then 8 (7.2 rounded up); below 40 the 4 pods are more."""
    down = Rules(0, (Policy("Pods", 4, 60), Policy("Percent", 10, 60)))
    assert run(scaling(down=down), 80, [0] * 3, every_s=60) == [72, 64, 57]
    assert run(scaling(down=down), 40, [0] * 3, every_s=60) == [36, 32, 28]


def test_shrinking_waits_for_the_highest_recommendation_of_the_window() -> None:
    down = Rules(60, FREE.policies)
    assert run(scaling(down=down), 10, [100, 50, 50, 70, 20, 20, 20, 20, 20]) == [10, 10, 10, 10, 7, 7, 7, 2, 2]


def test_growth_waits_for_the_lowest_recommendation_of_the_window() -> None:
    up = Rules(30, FREE.policies)
    assert run(scaling(up=up), 1, [10, 90, 50, 90, 90]) == [1, 1, 5, 5, 9]


def test_run_model_grows_as_its_chart_says() -> None:
    assert run(queue_scaling("runModel"), 1, [1_000] * 4) == [5, 10, 20, 20]


FIRST = {
    "runModel": Recording(
        [(0, 0), (3.5, 159), (19, 0), (41.5, 200), (58.5, 0)],
        [Change(4.1, 1), Change(5.1, 5), Change(51.3, 7)],
        first_poll=4,
        first_sync=5,
        ends=75,
    ),
    "train": Recording(
        [(0, 0), (14.5, 200), (37, 0)],
        [Change(19.1, 1), Change(20.1, 5), Change(94.4, 0)],
        first_poll=4,
        first_sync=5,
        ends=120,
    ),
}
"""200 requests for one untrained key, from zero, on a real control plane: Kubernetes 1.36.2, KEDA 2.20.2.

The changes are the recorded ones. Of the queues, 159 and 200 messages were recorded, and the seconds at which they came
and were gone; `train` is empty from 60 s, its cooldown then, before its end.
"""
SECOND = Recording(
    [(0, 0), (12, 200), (47, 0)],
    [Change(16.8, 1), Change(17.8, 5), Change(106.9, 0)],
    first_poll=1.5,
    first_sync=2.5,
    ends=120,
)
"""Of ``train``, another run."""
MOMENT_S = 2
"""Between a decision and the record of its effect, which was taken once a second."""


@pytest.mark.parametrize(
    ("component", "recording"),
    [("runModel", FIRST["runModel"]), ("train", FIRST["train"]), ("train", SECOND)],
    ids=["run-model", "train", "train, another run"],
)
def test_the_rule_decides_as_the_real_keda_did(component: str, recording: Recording) -> None:
    changes = replay(queue_scaling(component, pollingInterval=5, cooldownPeriod=60), recording)
    assert [change.replicas for change in changes] == [change.replicas for change in recording.changes]
    for decided, real in zip(changes, recording.changes, strict=True):
        assert 0 <= real.at - decided.at < MOMENT_S, (decided, real)


def idle_after(component: str, replicas: int) -> list[Change]:
    """What becomes of so many replicas after the last message."""
    scaling = queue_scaling(component)
    lengths = [(0.0, replicas * scaling.target), (120.0, 0.0)]
    return replay(scaling, Recording(lengths, [], first_poll=1, first_sync=2, ends=120 + 2 * scaling.cooldown_s))


def test_at_its_cooldown_keda_goes_from_any_number_to_none() -> None:
    """Past ``behavior.scaleDown``. Train holds nothing worth keeping, so its default lets it."""
    assert [change.replicas for change in idle_after("train", 5)] == [1, 5, 0]


def test_run_model_shrinks_by_its_behavior_before_the_cooldown() -> None:
    """So the models in the memory of a fleet go one replica at a time, up to 13 of them."""
    replicas = [change.replicas for change in idle_after("runModel", 13)]
    assert replicas[:3] == [1, 5, 10]
    assert replicas[3:] == list(range(13, -1, -1))


def test_above_that_the_rest_goes_at_once() -> None:
    replicas = [change.replicas for change in idle_after("runModel", 20)]
    assert replicas[-2:] == [7, 0]
