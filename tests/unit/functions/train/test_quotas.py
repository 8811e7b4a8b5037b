"""Trainings are counted exactly: by several processes, through crashes, in a real store."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from functions.catalog import ModelType
from functions.contracts import RunModel
from functions.errors import TooManyTrainings, TrainingRefused
from functions.operations import open_store
from functions.settings import TrainSettings
from functions.telemetry.names import TRAININGS
from functions.train.jobs import RunStatus
from functions.train.ledger import Ledger
from functions.train.places import SUBMISSION, EndedRun, Places
from functions.train.quotas import STATUS_KEPT_S, Quotas, ended_run
from tests.unit.functions.recording import Recording

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def entry(**trainings: int) -> ModelType:
    document = {
        "experiment": "/e",
        "notebook": "/n",
        "parameters": {},
        "cluster": {"serverless": True},
        "trainings": trainings,
    }
    return TypeAdapter(ModelType).validate_python(document)


@dataclass
class World:
    """A clock, and the runs that have ended."""

    now: datetime = NOW
    ended: dict[int, datetime] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    gone: bool = False

    def clock(self) -> datetime:
        return self.now

    async def status(self, databricks_run_id: int) -> RunStatus:
        self.asked.append(databricks_run_id)
        if self.gone:
            raise TrainingRefused("There is no such run.")
        ended_at = self.ended.get(databricks_run_id)
        return RunStatus(databricks_run_id, "", None, NOW, ended_at, None if ended_at is None else True, "", None)


@pytest.fixture
def world() -> World:
    return World()


Process = Callable[..., Quotas]


@pytest.fixture
def process(tmp_path: Path, world: World) -> Process:
    """A process that starts trainings; all share a store."""

    def start(**settings: int) -> Quotas:
        ledger = Ledger(open_store(tmp_path.as_uri()), "trainings")
        return Quotas(ledger, TrainSettings(**settings), world.status, world.clock)

    return start


@pytest.fixture
def quotas(process: Process) -> Quotas:
    return process()


def command(number: int, caller: str = "key:1", model_type: str = "wine", accepted: datetime = NOW) -> RunModel:
    return RunModel(
        operation="a" * 32,
        reply_to_session="session",
        model_type=model_type,
        parameters={},
        key=f"{model_type} {number}",
        created_at=accepted,
        deadline=NOW + HOUR,
        expires_at=NOW + HOUR,
        caller=caller,
    )


async def claim(quotas: Quotas, number: int, of: ModelType, caller: str = "key:1", model_type: str = "wine") -> None:
    wanted = command(number, caller, model_type)
    await quotas.claim(wanted, of, wanted.key)


async def start(quotas: Quotas, number: int, of: ModelType) -> None:
    await claim(quotas, number, of)
    await quotas.submitted(command(number).key, number, of)


async def granted(claims: Iterable[Coroutine[None, None, None]]) -> int:
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, TooManyTrainings) for outcome in outcomes)
    return outcomes.count(None)


async def places(path: Path) -> Places:
    _, document = await Ledger(open_store(path.as_uri()), "trainings").read()
    return Places.model_validate_json(document)


@pytest.mark.parametrize(
    ("trainings", "setting"),
    [
        ({"per_hour": 3}, "models.wine.trainings.per_hour"),
        ({"per_day": 3}, "models.wine.trainings.per_day"),
        ({"at_once": 3}, "models.wine.trainings.at_once"),
    ],
)
async def test_sixty_requests_start_as_many_trainings_as_the_type_allows(
    quotas: Quotas, trainings: dict[str, int], setting: str
) -> None:
    """Sixty requests in two seconds made sixty Databricks runs."""
    of = entry(**trainings)
    assert await granted(claim(quotas, number, of) for number in range(60)) == 3
    with pytest.raises(TooManyTrainings) as refused:
        await claim(quotas, 99, of)
    assert setting in refused.value.detail
    assert refused.value.retry_after


@pytest.mark.parametrize("setting", ["max_trainings_at_once", "max_trainings_per_day"])
async def test_all_types_and_callers_share_a_bound(process: Process, setting: str) -> None:
    quotas, of = process(**{setting: 3}), entry()
    claims = [claim(quotas, n, of, model_type=f"type{n % 7}", caller=f"key:{n % 5}") for n in range(30)]
    assert await granted(claims) == 3


async def test_two_processes_race_for_the_last_places(process: Process) -> None:
    processes, of = [process() for _ in range(4)], entry(at_once=5)
    claims = [claim(processes[number % 4], number, of) for number in range(40)]
    assert await granted(claims) == 5


async def test_callers_and_types_have_their_own_quota(quotas: Quotas) -> None:
    of = entry(per_hour=1)
    await claim(quotas, 1, of)
    await claim(quotas, 1, of, model_type="beer")
    with pytest.raises(TooManyTrainings):
        await claim(quotas, 2, of)
    await claim(quotas, 2, of, caller="key:2")


async def test_training_that_has_a_place_takes_no_second_one(process: Process, tmp_path: Path) -> None:
    of = entry(per_hour=1, at_once=1)
    await asyncio.gather(*(claim(process(), 1, of) for _ in range(5)))
    await start(process(), 1, of)
    await claim(process(), 1, of, caller="key:2")
    assert len((await places(tmp_path)).places) == 1


async def test_crash_between_claim_and_submission_costs_one_place(
    process: Process, world: World, tmp_path: Path
) -> None:
    """The redelivered message uses the place of the process that is gone, soon or late."""
    of = entry(per_hour=1, at_once=1)
    await claim(process(), 1, of)
    await start(process(), 1, of)
    assert [place.databricks_run_id for place in (await places(tmp_path)).places] == [1]
    other = entry(per_hour=2, at_once=2)
    await claim(process(), 2, other)
    world.now += SUBMISSION + SECOND
    await start(process(), 2, other)
    assert [place.databricks_run_id for place in (await places(tmp_path)).places] == [1, 2]


async def test_place_of_a_crash_ends_by_itself(process: Process, world: World) -> None:
    of = entry(at_once=1)
    await claim(process(), 1, of)
    with pytest.raises(TooManyTrainings):
        await claim(process(), 2, of)
    world.now += SUBMISSION + SECOND
    await claim(process(), 2, of)


async def test_end_of_a_run_gives_its_place_back(process: Process, world: World) -> None:
    of = entry(at_once=1)
    await start(process(), 1, of)
    world.now += SECOND
    await asyncio.gather(*(process().ended(EndedRun(command(1).key, 1, world.now)) for _ in range(3)))
    await claim(process(), 2, of)
    assert world.asked == []


async def test_places_of_ended_runs_are_found_when_one_is_needed(process: Process, world: World) -> None:
    """The processes that waited for the runs are gone."""
    of = entry(at_once=2)
    for number in (1, 2):
        await start(process(), number, of)
    world.ended[2] = world.now = NOW + 60 * SECOND
    await claim(process(), 3, of)
    assert sorted(world.asked) == [1, 2]


async def test_refused_claims_share_their_status_calls(quotas: Quotas, world: World) -> None:
    of = entry(at_once=1)
    await start(quotas, 1, of)
    claims = [claim(quotas, number, of) for number in range(2, 30)]
    assert await granted(claims) == 0
    assert (world.asked, STATUS_KEPT_S) == ([1], 10)


async def test_run_that_is_unknown_keeps_its_place_for_the_timeout(quotas: Quotas, world: World) -> None:
    of = entry(at_once=1)
    await start(quotas, 1, of)
    world.gone = True
    with pytest.raises(TooManyTrainings):
        await claim(quotas, 2, of)
    world.now += timedelta(seconds=of.training_timeout_s, minutes=11)
    await claim(quotas, 2, of)


async def test_refused_submission_counts_in_no_window(quotas: Quotas, tmp_path: Path) -> None:
    of = entry(per_hour=1)
    await claim(quotas, 1, of)
    await quotas.refused(command(1).key)
    await claim(quotas, 2, of)
    assert [place.key for place in (await places(tmp_path)).places] == ["wine 2"]


async def test_submission_that_found_an_old_run_counts_in_no_window(quotas: Quotas, tmp_path: Path) -> None:
    """A key that was trained days ago is walked from its first token on: only the last submission starts a run."""
    of = entry(per_hour=1)
    wanted = command(1)
    former = None
    for number in range(1, 4):
        await quotas.claim(wanted, of, f"token {number}", former)
        await quotas.submitted(f"token {number}", number, of)
        former = EndedRun(wanted.key, number, NOW - (10 - number) * HOUR)
    await quotas.claim(wanted, of, "token 4", former)
    assert [place.token for place in (await places(tmp_path)).places] == ["token 4"]


async def test_next_run_of_a_key_that_failed_takes_another_place(
    process: Process, world: World, tmp_path: Path
) -> None:
    of = entry(per_hour=2)
    await start(process(), 1, of)
    failed = EndedRun(command(1).key, 1, NOW + SECOND)
    world.now += 2 * SECOND
    later = command(1, accepted=world.now)
    quotas = process()
    await quotas.claim(later, of, later.key)  # its first token was submitted: the same run
    await quotas.claim(later, of, "token 2", failed)
    assert [(place.token, place.ended_at) for place in (await places(tmp_path)).places] == [
        ("wine 1", failed.ended_at),
        ("token 2", None),
    ]


async def test_command_that_waited_for_a_run_joins_it_after_its_end(process: Process, world: World) -> None:
    of = entry(per_hour=1)
    await start(process(), 1, of)
    await process().ended(EndedRun(command(1).key, 1, NOW + 60 * SECOND))
    world.now += 61 * SECOND
    await process().claim(command(1, accepted=NOW + SECOND), of, "a token that was forgotten")
    with pytest.raises(TooManyTrainings):
        await process().claim(command(1, accepted=world.now), of, "a token that was forgotten")


async def test_end_of_a_run_is_measured_once(process: Process, world: World, recorded: Recording) -> None:
    await start(process(), 1, entry(at_once=1))
    world.now += SECOND
    end = EndedRun(command(1).key, 1, world.now, "CLUSTER_ERROR", 12.5)
    await asyncio.gather(*(process().ended(end) for _ in range(3)))
    labels = {"ondemand.model.type": "wine", "ondemand.outcome": "CLUSTER_ERROR"}
    assert recorded.values(TRAININGS) == [(labels, 12.5)]


async def test_end_that_a_command_steps_over_is_measured_too(
    process: Process, world: World, recorded: Recording
) -> None:
    """A new command may see it before those that waited for the run."""
    of = entry(at_once=1)
    await start(process(), 1, of)
    end = EndedRun(command(1).key, 1, NOW + SECOND, "CLUSTER_ERROR", 12.5)
    world.now += 2 * SECOND
    await process().claim(command(1, accepted=world.now), of, "token 2", end)
    await process().ended(end)
    labels = {"ondemand.model.type": "wine", "ondemand.outcome": "CLUSTER_ERROR"}
    assert recorded.values(TRAININGS) == [(labels, 12.5)]


def test_end_of_a_run_says_how_long_it_ran() -> None:
    run = RunStatus(7, "TERMINATED", None, NOW, NOW + HOUR, False, "", None, code="CLUSTER_ERROR")
    assert ended_run("k", run) == EndedRun("k", 7, NOW + HOUR, "CLUSTER_ERROR", 3600.0)
    assert ended_run("k", replace(run, succeeded=True)) == EndedRun("k", 7, NOW + HOUR, "", 3600.0)
    assert ended_run("k", replace(run, started_at=None)) == EndedRun("k", 7, NOW + HOUR, "CLUSTER_ERROR", 0.0)
    assert ended_run("k", replace(run, ended_at=None)) is None
