"""Trainings are started once a key, polled on a schedule, and handed over."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from obstore.store import HTTPStore

from functions import telemetry, time_limits
from functions.catalog import ModelType, load_catalog
from functions.catalog import Trainings as Limits
from functions.contracts import CheckTraining, Event, RunModel, StartTraining, Training, utc_now
from functions.errors import TrainingRefused, Unavailable
from functions.operations import open_store
from functions.parameters import ParameterValue, training_key
from functions.replies import Replies
from functions.settings import TrainSettings
from functions.train import service as service_module
from functions.train.jobs import RunStatus
from functions.train.ledger import Ledger
from functions.train.quotas import Quotas
from functions.train.service import MAX_FORMER_RUNS, TrainService, run_name
from tests.unit.functions.publishers import RecordingPublisher
from tests.unit.functions.recording import Recording, id_of
from tests.unit.functions.silence import silent_server

CATALOG = load_catalog(Path(__file__).parents[4] / "models.yaml")
NOW = utc_now()
COMMAND = RunModel(
    operation="a" * 32,
    reply_to_session="session",
    model_type="wine",
    parameters={"alpha": 0.5, "l1_ratio": 0.5},
    key=training_key("wine", {"alpha": 0.5, "l1_ratio": 0.5}),
    created_at=NOW,
    deadline=NOW + timedelta(hours=1),
    expires_at=NOW + timedelta(hours=1),
)
RUNNING = RunStatus(1, "RUNNING", "https://run", NOW, None, None, "", 2)
SUCCEEDED = replace(RUNNING, state="TERMINATED", ended_at=NOW + timedelta(seconds=60), succeeded=True)
FAILED = replace(SUCCEEDED, succeeded=False)


@dataclass
class Databricks:
    """Gives each new token the next run id; ``runs`` says how each stands, a run that is not in it is running."""

    runs: dict[int, RunStatus] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    trouble: Exception | None = None

    async def submit(
        self, name: str, entry: ModelType, parameters: dict[str, ParameterValue], idempotency_token: str
    ) -> int:
        if self.trouble:
            raise self.trouble
        if idempotency_token not in self.tokens:
            self.tokens.append(idempotency_token)
            self.names.append(name)
        return self.tokens.index(idempotency_token) + 1

    async def status(self, databricks_run_id: int) -> RunStatus:
        name = self.names[databricks_run_id - 1] if databricks_run_id <= len(self.names) else "nightly report"
        return replace(self.runs.get(databricks_run_id, RUNNING), databricks_run_id=databricks_run_id, name=name)

    async def failure(self, run: RunStatus) -> str:
        return "ValueError: no data"


@pytest.fixture
def databricks() -> Databricks:
    return Databricks()


@pytest.fixture
def publisher() -> RecordingPublisher:
    return RecordingPublisher(max_message_bytes=100_000)


@pytest.fixture
def service(databricks: Databricks, publisher: RecordingPublisher, tmp_path: Path) -> TrainService:
    return service_of(databricks, publisher, tmp_path)


def service_of(databricks: Databricks, publisher: RecordingPublisher, folder: Path) -> TrainService:
    quotas = Quotas(Ledger(open_store(folder.as_uri()), "trainings"), TrainSettings(), databricks.status)
    return TrainService(CATALOG, publisher, Replies(publisher), databricks, quotas)


def of_caller(caller: str, alpha: float) -> RunModel:
    parameters: dict[str, ParameterValue] = {"alpha": alpha, "l1_ratio": 0.5}
    changed = {"parameters": parameters, "key": training_key("wine", parameters)}
    return COMMAND.model_copy(update=changed | {"operation": uuid4().hex, "caller": caller})


def error_of(publisher: RecordingPublisher) -> str:
    event = publisher.published[-1].message
    assert isinstance(event, Event)
    assert event.operation.error is not None
    return f"{event.operation.error.type.rpartition(':')[2]}: {event.operation.error.detail}"


async def test_quota_of_a_caller_refuses_no_other_one(
    publisher: RecordingPublisher, databricks: Databricks, tmp_path: Path
) -> None:
    """Who asked for a model at the same moment as a caller without trainings left was refused with it."""
    quotas = Quotas(Ledger(open_store(tmp_path.as_uri()), "trainings"), TrainSettings(), databricks.status)
    models = {"wine": CATALOG.models["wine"].model_copy(update={"trainings": Limits(per_hour=1)})}
    catalog = CATALOG.model_copy(update={"models": models})
    service = TrainService(catalog, publisher, Replies(publisher), databricks, quotas)
    await service.handle(StartTraining(command=of_caller("key:1", alpha=0.1)))
    publisher.published.clear()
    both = [of_caller(caller, alpha=0.2) for caller in ("key:1", "key:2")]
    await asyncio.gather(*(service.handle(StartTraining(command=command)) for command in both))
    statuses = {
        each.message.operation.operation_id: each.message.operation.status
        for each in publisher.published
        if isinstance(each.message, Event)
    }
    assert statuses == {both[0].operation: "error", both[1].operation: "running"}
    assert len(databricks.tokens) == 2


class HangingDatabricks(Databricks):
    async def status(self, databricks_run_id: int) -> RunStatus:
        never: asyncio.Future[RunStatus] = asyncio.get_running_loop().create_future()
        return await never


async def test_message_that_takes_too_long_is_put_off(
    publisher: RecordingPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At functionTimeout the host would kill the worker with all messages in it."""
    monkeypatch.setattr(time_limits, "HANDLER_LIMIT_S", 0.05)
    service = service_of(HangingDatabricks(), publisher, tmp_path)
    await service.handle(StartTraining(command=COMMAND))
    (put_off,) = publisher.published
    assert isinstance(put_off.message, StartTraining)
    assert put_off.message.attempt == 1


async def test_store_that_does_not_answer_delays_no_place_for_long(
    publisher: RecordingPublisher, databricks: Databricks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of the handler would put the training off that was handed over already."""
    monkeypatch.setattr(service_module, "GIVE_BACK_S", 0.05)
    monkeypatch.setattr(time_limits, "HANDLER_LIMIT_S", 1)
    databricks.tokens, databricks.names, databricks.runs = [COMMAND.key], [run_name(COMMAND)], {1: SUCCEEDED}
    training = Training(databricks_run_id=1, state="RUNNING")
    check = CheckTraining(command=COMMAND.model_copy(update={"training": training}), checks=1)
    async with silent_server() as (url, asked):
        ledger = Ledger(HTTPStore.from_url(url, client_options={"allow_http": True}), "trainings")
        quotas = Quotas(ledger, TrainSettings(), databricks.status)
        await TrainService(CATALOG, publisher, Replies(publisher), databricks, quotas).handle(check)
        assert asked.is_set()
    (handed_over,) = publisher.published
    assert isinstance(handed_over.message, RunModel)


async def test_trouble_with_the_places_is_no_outcome(
    publisher: RecordingPublisher, databricks: Databricks, tmp_path: Path
) -> None:
    """The prediction is on its way by then: a second outcome would make an error of it."""
    ledger = Ledger(open_store(tmp_path.as_uri()), "trainings")
    service = TrainService(
        CATALOG, publisher, Replies(publisher), databricks, Quotas(ledger, TrainSettings(), databricks.status)
    )
    await service.handle(StartTraining(command=COMMAND))
    check = publisher.published[-1].message
    assert isinstance(check, CheckTraining)
    version, _ = await ledger.read()
    assert await ledger.write(version, b"no JSON")
    databricks.runs[1] = SUCCEEDED
    await service.handle(check)
    assert isinstance(publisher.published[-1].message, RunModel)


async def test_a_training_is_started_and_polled_later(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    await service.handle(StartTraining(command=COMMAND))
    progress, check = publisher.published
    assert isinstance(progress.message, Event)
    assert progress.message.operation.status_message == "training is RUNNING"
    assert isinstance(check.message, CheckTraining)
    assert check.queue == "train"
    assert check.at is not None
    assert check.at > NOW
    assert check.message.command.training == Training(
        databricks_run_id=1, url="https://run", state="RUNNING", started_at=NOW
    )
    await service.handle(check.message)
    again = publisher.published[-1].message
    assert isinstance(again, CheckTraining)
    assert again.checks == 1
    assert len(publisher.published) == 3, "an unchanged state is told once"
    assert databricks.tokens == [COMMAND.key]


async def test_a_trained_model_is_handed_over(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    databricks.runs[1] = SUCCEEDED
    await service.handle(StartTraining(command=COMMAND))
    (published,) = publisher.published
    assert isinstance(published.message, RunModel)
    assert (published.queue, published.message.trained, published.message.attempt) == ("run-model", True, 1)


async def test_a_failed_run_is_reported_with_its_reason(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    databricks.runs[1] = FAILED
    await service.handle(StartTraining(command=COMMAND))
    assert error_of(publisher) == "training-failed: Databricks run 1 failed: ValueError: no data"


async def test_a_run_that_ended_before_the_command_is_followed_by_another(
    service: TrainService, databricks: Databricks
) -> None:
    databricks.runs[1] = replace(FAILED, ended_at=NOW - timedelta(seconds=1))
    databricks.runs[2] = replace(SUCCEEDED, ended_at=NOW - timedelta(seconds=11))
    databricks.runs[3] = replace(SUCCEEDED, ended_at=NOW - timedelta(seconds=9))  # within the clock skew
    await service.handle(StartTraining(command=COMMAND))
    assert len(databricks.tokens) == len(set(databricks.tokens)) == 3


async def test_run_that_ended_a_moment_before_and_left_no_model_is_followed_by_another(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    """The command got the error of that run, without a training of its own."""
    databricks.runs[1] = replace(SUCCEEDED, ended_at=NOW - timedelta(seconds=5))
    await service.handle(StartTraining(command=COMMAND))
    first = publisher.published[-1].message
    assert isinstance(first, RunModel)
    assert (first.trained, first.retrain) == (True, True)
    databricks.runs[2] = SUCCEEDED
    await service.handle(StartTraining(command=first))  # run_model found no model
    second = publisher.published[-1].message
    assert isinstance(second, RunModel)
    assert second.training is not None
    assert (second.trained, second.retrain, second.training.databricks_run_id) == (True, False, 2)


async def test_former_runs_are_bounded(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    former = replace(FAILED, ended_at=NOW - timedelta(hours=1))
    databricks.runs = dict.fromkeys(range(1, MAX_FORMER_RUNS + 2), former)
    await service.handle(StartTraining(command=COMMAND))
    assert len(databricks.tokens) == MAX_FORMER_RUNS
    assert error_of(publisher).startswith("training-failed: This model was trained 200 times")


def wine(alpha: float) -> RunModel:
    parameters: dict[str, ParameterValue] = {"alpha": alpha, "l1_ratio": 0.5}
    return COMMAND.model_copy(update={"parameters": parameters, "key": training_key("wine", parameters)})


async def test_training_above_a_quota_is_refused(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    limit = CATALOG.models["wine"].trainings.at_once
    for number in range(limit + 1):
        await service.handle(StartTraining(command=wine(number / 10)))
    assert len(databricks.tokens) == limit
    event = publisher.published[-1].message
    assert isinstance(event, Event)
    assert event.operation.error is not None
    assert (event.operation.error.status, event.operation.error.retry_after) == (429, 60)
    assert "models.wine.trainings.at_once" in event.operation.error.detail
    await service.handle(StartTraining(command=wine(0.1)))  # it joins a run that is running
    assert isinstance(publisher.published[-1].message, CheckTraining)


@pytest.mark.parametrize("end", [SUCCEEDED, FAILED])
async def test_training_that_ended_makes_room_for_another(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks, end: RunStatus
) -> None:
    limit = CATALOG.models["wine"].trainings.at_once
    for number in range(limit):
        databricks.runs[number + 1] = end
        await service.handle(StartTraining(command=wine(number / 10)))
    await service.handle(StartTraining(command=wine(9.0)))
    assert len(databricks.tokens) == limit + 1


async def test_training_that_databricks_refused_takes_no_place(
    service: TrainService, databricks: Databricks, tmp_path: Path
) -> None:
    databricks.trouble = TrainingRefused("no")
    await service.handle(StartTraining(command=COMMAND))
    _, document = await Ledger(open_store(tmp_path.as_uri()), "trainings").read()
    assert document == b'{"places":[]}'


@pytest.mark.parametrize(
    ("trouble", "slug"), [(TrainingRefused("no"), "training-refused"), (ZeroDivisionError(), "internal-error")]
)
async def test_what_no_later_try_mends_is_reported(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks, trouble: Exception, slug: str
) -> None:
    databricks.trouble = trouble
    await service.handle(StartTraining(command=COMMAND))
    assert error_of(publisher).startswith(slug)


async def test_an_outage_is_tried_again_later(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    databricks.trouble = Unavailable("Databricks cannot be reached.")
    await service.handle(StartTraining(command=COMMAND))
    (published,) = publisher.published
    assert published.message == StartTraining(command=COMMAND, attempt=1)
    assert published.at is not None


async def test_a_check_without_a_run_is_reported(service: TrainService, publisher: RecordingPublisher) -> None:
    await service.handle(CheckTraining(command=COMMAND))
    assert error_of(publisher) == "training-failed: The check named no Databricks run."


def check(command: RunModel, databricks_run_id: int) -> CheckTraining:
    training = Training(databricks_run_id=databricks_run_id, state="RUNNING", started_at=NOW)
    return CheckTraining(command=command.model_copy(update={"training": training}))


@pytest.mark.parametrize("other", [1, 99], ids=["of another key", "of another job"])
@pytest.mark.parametrize("end", [RUNNING, SUCCEEDED, FAILED])
async def test_made_up_check_shows_nothing_of_a_run_that_is_not_its_own(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks, other: int, end: RunStatus
) -> None:
    secret = replace(end, url="https://secret", state="SECRET")
    databricks.runs = {1: secret, 99: secret}
    await service.handle(StartTraining(command=wine(0.1)))
    publisher.published.clear()
    await service.handle(check(COMMAND, other))
    assert "SECRET" not in str(publisher.published)
    assert "secret" not in str(publisher.published)
    last = publisher.published[-1].message
    assert isinstance(last, CheckTraining)
    assert last.command.training is not None
    assert last.command.training.databricks_run_id == 2, "the run of its own key"


async def test_every_run_of_a_key_is_known_by_its_name(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    databricks.runs[1] = replace(FAILED, ended_at=NOW - timedelta(seconds=1))
    await service.handle(StartTraining(command=COMMAND))
    await service.handle(check(COMMAND, 2))
    assert len(databricks.tokens) == 2
    assert set(databricks.names) == {f"mlflow-ondemand wine {COMMAND.key[:32]}"}


async def test_run_that_seems_not_to_have_started_is_not_polled_in_a_spin(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    """The clock of Databricks may be ahead of that of the bus."""
    databricks.runs[1] = replace(RUNNING, started_at=NOW + timedelta(hours=1))
    await service.handle(StartTraining(command=COMMAND))
    waits = []
    for _ in range(12):
        message = publisher.published[-1].message
        assert isinstance(message, CheckTraining)
        before = utc_now()
        await service.handle(message)
        at = publisher.published[-1].at
        assert at is not None
        waits.append((at - before).total_seconds())
    assert waits[0] < 3
    assert waits[-1] >= 15


async def test_words_of_an_sdk_are_for_the_log(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks, caplog: pytest.LogCaptureFixture
) -> None:
    databricks.trouble = TrainingRefused("Databricks refused: something.")
    databricks.trouble.__cause__ = ValueError("Config: host=https://secret, token=***")
    await service.handle(StartTraining(command=COMMAND))
    assert "secret" not in str(publisher.published)
    assert f"operation {COMMAND.operation}: ValueError: Config: host=https://secret" in caplog.text


async def test_a_command_past_its_deadline_starts_nothing(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks
) -> None:
    await service.handle(StartTraining(command=COMMAND.model_copy(update={"deadline": NOW})))
    assert error_of(publisher).startswith("deadline-exceeded")
    assert databricks.tokens == []


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        ({"key": "b" * 64}, "key is not the key"),
        ({"parameters": {"alpha": 0.5, "l1_ratio": 0.25}}, "key is not the key"),
        ({"parameters": {"alpha": 99.0, "l1_ratio": 0.5}}, "does not allow these parameters"),
        ({"parameters": {"alpha": 0.5, "l1_ratio": 0.5, "depth": 3}}, "does not allow these parameters"),
        ({"parameters": {"alpha": 0.5}}, "not in their canonical form"),
        ({"parameters": {"alpha": "0.5", "l1_ratio": 0.5}}, "not in their canonical form"),
        ({"model_type": "WINE"}, "not in their canonical form"),
        ({"model_type": "beer"}, "beer"),
    ],
)
@pytest.mark.parametrize("kind", [StartTraining, CheckTraining])
async def test_command_that_predict_would_not_have_sent_starts_nothing(
    service: TrainService,
    publisher: RecordingPublisher,
    databricks: Databricks,
    kind: type[StartTraining | CheckTraining],
    forged: dict[str, object],
    said: str,
) -> None:
    command = COMMAND.model_copy(
        update={"training": Training(databricks_run_id=7, state="RUNNING", started_at=NOW), **forged}
    )
    await service.handle(kind(command=command))
    assert said in error_of(publisher)
    assert len(publisher.published) == 1
    assert databricks.tokens == []


async def test_trained_command_carries_on_the_trace_and_the_training_is_in_it(
    service: TrainService, publisher: RecordingPublisher, databricks: Databricks, recorded: Recording
) -> None:
    databricks.runs[1] = SUCCEEDED
    with telemetry.active.command("train", COMMAND):
        await service.handle(StartTraining(command=COMMAND))
    (published,) = publisher.published
    assert isinstance(published.message, RunModel)
    assert id_of(recorded.span("send run-model")) in str(published.message.traceparent)
    assert (recorded.span("training").attributes or {})["databricks.run.id"] == 1


async def test_check_stays_in_the_trace_of_its_command(
    service: TrainService, publisher: RecordingPublisher, recorded: Recording
) -> None:
    traced = COMMAND.traced("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    await service.handle(StartTraining(command=traced))
    (check,) = (each.message for each in publisher.published if isinstance(each.message, CheckTraining))
    assert check.command.traceparent == traced.traceparent
    assert "training" not in {span.name for span in recorded.spans}
