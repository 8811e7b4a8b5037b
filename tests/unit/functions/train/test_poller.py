"""Status calls that commands share."""

import asyncio
from dataclasses import dataclass, field

import pytest

from functions.backoff import next_poll
from functions.errors import Unavailable
from functions.train.jobs import RunStatus
from functions.train.poller import STATUS_KEPT_S, RunPoller

RUN = 7


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Databricks:
    """Answers each status call with its number as the state."""

    calls: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    available: bool = True

    async def status(self, databricks_run_id: int) -> RunStatus:
        self.calls.append(databricks_run_id)
        number = len(self.calls)
        await self.gate.wait()
        if not self.available:
            raise Unavailable("Databricks cannot be reached.")
        return RunStatus(databricks_run_id, str(number), None, None, None, None, "", None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def databricks() -> Databricks:
    databricks = Databricks()
    databricks.gate.set()
    return databricks


@pytest.fixture
def poller(databricks: Databricks, clock: Clock) -> RunPoller:
    return RunPoller(databricks.status, clock)


def age_of_poll(number: int) -> float:
    """A run's age at which the poll of this number is due."""
    age = 0.0
    while next_poll(age)[0] < number:
        age += next_poll(age)[1]
    return age


async def test_a_status_is_kept_for_a_moment(poller: RunPoller, databricks: Databricks, clock: Clock) -> None:
    assert (await poller.status(RUN)).state == "1"
    clock.now += STATUS_KEPT_S / 2
    assert (await poller.status(RUN)).state == "1"
    clock.now += STATUS_KEPT_S / 2
    assert (await poller.status(RUN)).state == "2"


async def test_runs_are_told_apart(poller: RunPoller, databricks: Databricks) -> None:
    assert [(await poller.status(run)).databricks_run_id for run in (7, 8, 7)] == [7, 8, 7]
    assert databricks.calls == [7, 8]


async def test_commands_share_the_status_call_of_a_poll(
    poller: RunPoller, databricks: Databricks, clock: Clock
) -> None:
    second, third = age_of_poll(2), age_of_poll(3)
    assert {(await poller.poll(RUN, second)).state for _ in range(3)} == {"1"}
    clock.now += STATUS_KEPT_S  # kept for the poll, however late its commands come
    assert (await poller.poll(RUN, second)).state == "1"
    assert (await poller.poll(RUN, third)).state == "2"
    assert (await poller.poll(RUN, second)).state == "2"


async def test_a_poll_serves_those_who_ask_for_the_status(poller: RunPoller) -> None:
    assert (await poller.poll(RUN, age_of_poll(2))).state == "1"
    assert (await poller.status(RUN)).state == "1"


async def test_a_status_between_polls_does_not_repeat_a_poll(poller: RunPoller, clock: Clock) -> None:
    await poller.poll(RUN, age_of_poll(2))
    clock.now += STATUS_KEPT_S
    assert (await poller.status(RUN)).state == "2"
    assert (await poller.poll(RUN, age_of_poll(2))).state == "2"
    assert (await poller.poll(RUN, age_of_poll(3))).state == "3"


@pytest.mark.parametrize("run_age", [0.0, -60.0])
async def test_a_run_without_a_start_is_asked_for_again(poller: RunPoller, clock: Clock, run_age: float) -> None:
    states = set()
    for _ in range(3):
        states.add((await poller.poll(RUN, run_age)).state)
        clock.now += STATUS_KEPT_S
    assert states == {"1", "2", "3"}


async def test_a_later_poll_does_not_take_the_answer_of_an_earlier_one(
    poller: RunPoller, databricks: Databricks
) -> None:
    databricks.gate.clear()
    earlier, later = (asyncio.create_task(poller.poll(RUN, age_of_poll(number))) for number in (2, 3))
    await asyncio.sleep(0)  # both wait for the first call
    databricks.gate.set()
    assert ((await earlier).state, (await later).state) == ("1", "2")


async def test_a_failed_call_fails_for_all_and_is_not_kept(poller: RunPoller, databricks: Databricks) -> None:
    databricks.available = False
    failed = await asyncio.gather(poller.status(RUN), poller.status(RUN), return_exceptions=True)
    assert [type(error) for error in failed] == [Unavailable] * 2
    assert len(databricks.calls) == 1
    databricks.available = True
    assert (await poller.status(RUN)).state == "2"
