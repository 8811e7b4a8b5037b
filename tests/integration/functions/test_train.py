"""Looks at Databricks runs through the real SDKs, a real broker and the Jobs API of this machine."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from functions.bus import Bus
from functions.catalog import Catalog, load_catalog
from functions.contracts import CheckTraining, RunModel, StartTraining, Training, utc_now
from functions.operations import open_store
from functions.parameters import training_key
from functions.replies import Replies
from functions.settings import BusSettings, TrainSettings
from functions.train.jobs import Jobs, RunStatus
from functions.train.ledger import Ledger
from functions.train.quotas import Quotas
from functions.train.service import TrainService
from ondemand.stack import Stack

CATALOG = """
models:
  failing:
    experiment: /Shared/tests/experiments/failing
    notebook: /Shared/tests/failing
    parameters: {}
    cluster: { serverless: true }
"""
NOTEBOOKS = Path(__file__).parents[2] / "e2e/notebooks"
TIMEOUTS_S = count(31)
"""The SDK's client is kept by its timeout, and each test has a Databricks of its own."""
WAITERS = 20


class CountedJobs(Jobs):
    def __init__(self) -> None:
        super().__init__(next(TIMEOUTS_S))
        self.run_ids: set[int] = set()
        self.status_calls = 0

    async def status(self, databricks_run_id: int) -> RunStatus:
        self.run_ids.add(databricks_run_id)
        self.status_calls += 1
        return await super().status(databricks_run_id)


@pytest_asyncio.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    workspaces = (f"/Shared/tests={NOTEBOOKS}",)
    async with Stack(tmp_path, free_ports=True, only=("broker", "databricks"), workspaces=workspaces) as running:
        yield running


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    file = tmp_path / "models.yaml"
    file.write_text(CATALOG, encoding="utf-8")
    return load_catalog(file)


@pytest.fixture
def jobs(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> CountedJobs:
    monkeypatch.setenv("DATABRICKS_HOST", stack.addresses.databricks)
    monkeypatch.setenv("DATABRICKS_TOKEN", "local")
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "pat")
    return CountedJobs()


@pytest_asyncio.fixture
async def service(stack: Stack, catalog: Catalog, jobs: CountedJobs) -> AsyncIterator[TrainService]:
    bus = Bus(BusSettings(servicebus_connection=stack.addresses.servicebus_connection))
    ledger = Ledger(open_store(stack.addresses.operations), "trainings")
    yield TrainService(catalog, bus, Replies(bus), jobs, Quotas(ledger, TrainSettings(), jobs.status))
    await bus.close()


def command(number: int) -> RunModel:
    now = utc_now()
    return RunModel(
        operation=f"{number:032x}",
        reply_to_session="nobody",
        model_type="failing",
        parameters={},
        key=training_key("failing", {}),
        created_at=now,
        deadline=now + timedelta(hours=1),
        expires_at=now + timedelta(hours=1),
    )


def check(number: int, run_id: int, started_at: datetime | None) -> CheckTraining:
    training = Training(databricks_run_id=run_id, state="RUNNING", started_at=started_at)
    return CheckTraining(command=command(number).model_copy(update={"training": training}))


async def test_all_who_wait_for_a_run_look_at_it_by_one_call(service: TrainService, jobs: CountedJobs) -> None:
    await asyncio.gather(*(service.handle(StartTraining(command=command(number))) for number in range(WAITERS)))
    assert (len(jobs.run_ids), jobs.status_calls) == (1, 1)
    (run_id,) = jobs.run_ids
    # The looks are at 31.2, 48.3 and 73.9 s of a run's age.
    for calls, age in ((2, 34), (3, 51)):
        checks = [check(number, run_id, utc_now() - timedelta(seconds=age)) for number in range(WAITERS)]
        await asyncio.gather(*(service.handle(each) for each in checks[: WAITERS // 2]))
        for late in checks[WAITERS // 2 :]:
            await service.handle(late)
        assert jobs.status_calls == calls


@pytest.mark.parametrize("ahead", [None, timedelta(minutes=1)])
async def test_without_a_start_or_with_one_to_come_the_state_is_asked_for_again(
    service: TrainService, jobs: CountedJobs, ahead: timedelta | None
) -> None:
    """Their clock may be ahead: what was seen once must not stay for as long."""
    await service.handle(StartTraining(command=command(0)))
    (run_id,) = jobs.run_ids
    async with asyncio.timeout(30):
        while jobs.status_calls < 3:
            await service.handle(check(1, run_id, utc_now() + ahead if ahead else None))
