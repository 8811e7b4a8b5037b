"""From a command to its outcome, with a real MLflow store, a real operation store and a publisher that keeps a list."""

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow.sklearn
import orjson
import pandas as pd
import pytest
import pytest_asyncio
from mlflow.models import infer_signature
from obstore.store import MemoryStore
from sklearn.linear_model import LinearRegression

from functions.catalog import Catalog
from functions.contracts import AnyMessage, Event, Operation, RunModel, StartTraining, Training, utc_now
from functions.errors import Unavailable
from functions.operations import Operations
from functions.parameters import training_key
from functions.queues import RESULTS, TRAIN
from functions.run_model.known_models import KnownModels
from functions.run_model.loader import Loader
from functions.run_model.loading import LoadedModel
from functions.run_model.model_cache import ModelCache
from functions.run_model.model_folder import ModelFolder
from functions.run_model.served_model import ServedModel
from functions.run_model.service import RunModelService
from functions.run_model.threads import Threads
from functions.telemetry.names import CACHE, LOOKUPS
from tests.unit.functions.recording import Recording, id_of, trace_of
from tests.unit.functions.run_model.mlflow_store import ENTRY, KEY, VALUES, Store

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
OTHER_POOL = ENTRY.model_copy(update={"pool": "large", "experiment": "/Shared/large"})
CATALOG = Catalog(models={"wine": ENTRY, "large": OTHER_POOL})
QUEUE = ENTRY.queue


class Published:
    """A publisher that keeps what it is given. It refuses while it is ``away``.

    Whether a load is told depends on how busy the machine is, so ``told`` has those events and ``messages`` the rest.
    """

    max_message_bytes = 2000

    def __init__(self) -> None:
        self.messages: list[tuple[str, AnyMessage]] = []
        self.told: list[Operation] = []
        self.away = False
        self.on_told: Callable[[], None] = lambda: None

    async def publish(
        self,
        queue: str,
        message: AnyMessage,
        at: datetime | None = None,
        *,
        may_share: bool = False,
        in_flight: int = 0,
        body: bytes = b"",
    ) -> None:
        if self.away:
            raise Unavailable("The message bus cannot be reached.")
        assert not body or body == message.to_json()
        if isinstance(message, Event) and message.phase.startswith("loading:"):
            self.told.append(message.operation)
            self.on_told()
        else:
            self.messages.append((queue, message))

    def operations(self) -> list[Operation]:
        return [message.operation for queue, message in self.messages if isinstance(message, Event)]


class Runner:
    """A service with its stores."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.published = Published()
        self.operations = Operations(MemoryStore())
        self._files = folder
        self.load_began = threading.Event()
        self.may_load = threading.Event()
        self.may_load.set()
        threads = Threads("predict", 4, 30)

        def serve(loaded: LoadedModel) -> ServedModel:
            self.load_began.set()
            self.may_load.wait(30)
            return ServedModel(loaded, 1000, lambda reason: None, threads)

        loader = Loader(ModelFolder(folder / "cache", 10**9, store.uri), serve, 30)
        self.models = ModelCache(loader.load, 10**9, 10, 30)
        known = KnownModels(store.lookup, 300, self.models.__contains__)
        self.service = RunModelService(QUEUE, CATALOG, self.published, self.operations, known, self.models)

    def log_model(self) -> str:
        """A trained model that doubles column a; its id."""
        folder = self._files / "model"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle
            mlflow.sklearn.save_model(
                LinearRegression().fit(FRAME, FRAME["a"] * 2),
                folder,
                serialization_format="cloudpickle",
                signature=infer_signature(FRAME),
                pip_requirements=["scikit-learn"],
            )
        model = self.store.model(self.store.run())
        self.store.client.log_model_artifacts(model, str(folder))
        return model

    async def outcome(self, asked: RunModel) -> Operation:
        """The only event of this command."""
        before = len(self.published.messages)
        await self.service.handle(asked)
        ((queue, message),) = self.published.messages[before:]
        assert queue == RESULTS
        assert isinstance(message, Event)
        assert message.phase == "outcome"
        return message.operation


@pytest_asyncio.fixture
async def runner(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # as in a runner
    return Runner(store, tmp_path)


def command(rows: Any = None, number: int = 0, **fields: Any) -> RunModel:
    now = utc_now()
    known: dict[str, Any] = {"deadline": now + timedelta(hours=1), "model_type": "wine", "key": KEY}
    return RunModel(
        operation=f"{number:032x}",
        reply_to_session="session",
        parameters=VALUES,
        prediction_input=rows or [{"a": 3.0}],
        created_at=now,
        expires_at=now + timedelta(hours=2),
        **(known | fields),
    )


def result(operation: Operation) -> Any:
    assert operation.status == "completed"
    return pytest.approx(orjson.loads(bytes(operation.result)))


def error_type(operation: Operation) -> str:
    assert operation.status == "error"
    assert operation.error is not None
    return operation.error.type.rpartition(":")[2]


async def test_model_answers_and_is_named(runner: Runner) -> None:
    model = runner.log_model()
    operation = await runner.outcome(command([{"a": 3.0}, {"a": 4.0}]))
    assert result(operation) == [6.0, 8.0]
    assert operation.model is not None
    assert operation.model.uri == f"models:/{model}"
    assert operation.model_parameters == VALUES


async def test_commands_of_one_message_are_answered_each_with_its_own_rows(runner: Runner) -> None:
    runner.log_model()
    await runner.service.handle_all([command([{"a": float(n)}], n) for n in range(5)], redelivered=False)
    answers = {operation.operation_id: result(operation) for operation in runner.published.operations()}
    assert answers == {f"{n:032x}": [2.0 * n] for n in range(5)}


async def test_missing_model_is_trained_and_the_client_is_told(runner: Runner) -> None:
    asked = command()
    await runner.service.handle(asked)
    (train, start), (results, event) = runner.published.messages
    assert (train, results) == (TRAIN, RESULTS)
    assert start == StartTraining(command=asked)
    assert isinstance(event, Event)
    assert event.operation.status == "running"
    assert event.operation.training == Training(state="REQUESTED")


async def test_model_missing_after_the_training_of_another_is_trained(runner: Runner) -> None:
    """The run of another client, which ended a moment before and left no model."""
    asked = command(trained=True, retrain=True, training=Training(run_id=7, state="SUCCESS"))
    await runner.service.handle(asked)
    assert runner.published.messages[0] == (TRAIN, StartTraining(command=asked))


async def test_model_missing_after_its_training_is_an_error(runner: Runner) -> None:
    operation = await runner.outcome(command(trained=True, training=Training(run_id=7, state="SUCCESS")))
    assert error_type(operation) == "model-not-logged"


async def test_type_that_the_catalog_does_not_have_is_an_error(runner: Runner) -> None:
    assert error_type(await runner.outcome(command(model_type="beer"))) == "unknown-model-type"


async def test_command_past_its_deadline_is_not_executed(runner: Runner) -> None:
    runner.log_model()
    assert error_type(await runner.outcome(command(deadline=utc_now()))) == "deadline-exceeded"
    assert list(runner.models._models) == []


async def test_command_is_put_off_while_mlflow_is_away(runner: Runner) -> None:
    runner.store.sql("ALTER TABLE logged_models RENAME TO away")
    asked = command()
    await runner.service.handle(asked)
    assert runner.published.messages == [(ENTRY.queue, asked.model_copy(update={"attempt": 1}))]


async def test_command_is_put_off_when_its_model_cannot_be_downloaded_and_looked_up_anew(runner: Runner) -> None:
    gone = runner.store.model(runner.store.run())
    runner.store.sql("UPDATE logged_models SET artifact_location = 'nowhere://x' WHERE model_id = ?", gone)
    await runner.service.handle(command())
    ((queue, message),) = runner.published.messages
    assert queue == ENTRY.queue
    assert isinstance(message, RunModel)
    runner.store.client.delete_logged_model(gone)
    newer = runner.log_model()
    operation = await runner.outcome(message)
    assert operation.model is not None
    assert operation.model.uri == f"models:/{newer}"


async def test_trouble_of_the_bus_is_raised_after_all_commands(runner: Runner) -> None:
    runner.log_model()
    runner.published.away = True
    with pytest.raises(Unavailable):
        await runner.service.handle_all([command(number=n) for n in range(2)], redelivered=False)
    runner.published.away = False
    await runner.service.handle_all([command(number=n) for n in range(2)], redelivered=False)
    assert len(runner.published.messages) == 2


async def test_redelivered_commands_go_alone_to_the_queue_of_this_pool(runner: Runner) -> None:
    asked = [command(number=n) for n in range(3)]
    await runner.service.handle_all(asked, redelivered=True)
    assert runner.published.messages == [(QUEUE, each) for each in asked]


async def test_redelivered_command_that_is_alone_is_handled(runner: Runner) -> None:
    runner.log_model()
    await runner.service.handle_all([command()], redelivered=True)
    assert [operation.status for operation in runner.published.operations()] == ["completed"]


async def test_rows_may_lie_in_the_operation_store(runner: Runner) -> None:
    runner.log_model()
    asked = command(input_stored=True)
    await runner.operations.put_input(asked.operation, b'[{"a": 5.0}]')
    assert result(await runner.outcome(asked)) == [10.0]
    assert error_type(await runner.outcome(command(number=1, input_stored=True))) == "deadline-exceeded"


async def test_result_that_is_too_large_for_a_message_is_stored(runner: Runner) -> None:
    runner.log_model()
    asked = command([{"a": n + 0.1} for n in range(500)])
    announced = await runner.outcome(asked)
    assert announced.result is None
    stored = await runner.operations.read(asked.operation)
    assert stored is not None
    assert stored.result == pytest.approx([2 * (n + 0.1) for n in range(500)])


async def test_wrong_rows_are_an_error_of_their_command_alone(runner: Runner) -> None:
    runner.log_model()
    await runner.service.handle_all([command([{"b": 1}], 0), command([{"a": 1.0}], 1)], redelivered=False)
    by_status = {operation.status: operation for operation in runner.published.operations()}
    assert error_type(by_status["error"]) == "input-refused"
    assert result(by_status["completed"]) == [2.0]


async def test_artifact_that_is_no_model_is_an_error_and_logged(
    runner: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = runner.store.model(runner.store.run())
    (tmp_path / "MLmodel").write_text("flavors: {}")
    runner.store.client.log_model_artifact(model, str(tmp_path / "MLmodel"))
    asked = command()
    with caplog.at_level(logging.WARNING, "functions.run_model.service"):
        assert error_type(await runner.outcome(asked)) == "model-not-loaded"
    assert asked.operation in caplog.text


async def test_fault_of_ours_is_one_error(runner: Runner) -> None:
    runner.log_model()
    asked = command(input_stored=True)
    await runner.operations.put_input(asked.operation, b"{")
    assert error_type(await runner.outcome(asked)) == "internal-error"


@pytest.mark.parametrize(
    "forged", [{"key": "b" * 64}, {"parameters": {}}, {"parameters": {"alpha": "0.5", "depth": 5}}]
)
async def test_command_that_predict_would_not_have_sent_is_refused(runner: Runner, forged: dict[str, Any]) -> None:
    assert error_type(await runner.outcome(command().model_copy(update=forged))) == "invalid-request"


async def test_load_that_takes_a_while_is_told(runner: Runner) -> None:
    runner.log_model()
    runner.may_load.clear()
    runner.published.on_told = runner.may_load.set
    assert result(await runner.outcome(command())) == [6.0]
    assert [told.status_message for told in runner.published.told] == ["loading the model"]


async def test_load_goes_on_when_its_command_is_cancelled(runner: Runner) -> None:
    runner.log_model()
    runner.may_load.clear()
    handling = asyncio.create_task(runner.service.handle(command()))
    await asyncio.to_thread(runner.load_began.wait, 30)
    handling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handling
    runner.may_load.set()
    assert result(await runner.outcome(command(number=1))) == [6.0]


async def test_redelivered_command_joins_the_one_that_is_still_handled(runner: Runner) -> None:
    """Its lock was lost: it is not computed twice, and both deliveries end with it."""
    runner.log_model()
    runner.may_load.clear()
    first = asyncio.create_task(runner.service.handle_all([command()], redelivered=False))
    await asyncio.to_thread(runner.load_began.wait, 30)
    again = asyncio.create_task(runner.service.handle_all([command()], redelivered=True))
    await asyncio.sleep(0)  # it has joined
    runner.may_load.set()
    await asyncio.gather(first, again)
    assert [result(operation) for operation in runner.published.operations()] == [[6.0]]


async def test_redelivered_command_is_handled_when_the_first_delivery_is_cancelled(runner: Runner) -> None:
    runner.log_model()
    runner.may_load.clear()
    first = asyncio.create_task(runner.service.handle_all([command()], redelivered=False))
    await asyncio.to_thread(runner.load_began.wait, 30)
    again = asyncio.create_task(runner.service.handle_all([command()], redelivered=True))
    await asyncio.sleep(0)  # it has joined
    first.cancel()
    runner.may_load.set()
    await again
    assert [result(operation) for operation in runner.published.operations()] == [[6.0]]


async def test_trouble_of_the_first_delivery_is_trouble_of_the_one_that_joined(runner: Runner) -> None:
    runner.published.away = True
    deliveries = (runner.service.handle_all([command()], redelivered) for redelivered in (False, True))
    outcomes = await asyncio.gather(*deliveries, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]


async def test_type_of_another_pool_is_refused(runner: Runner) -> None:
    """Pools keep types apart that do not trust each other."""
    asked = command(model_type="large", key=training_key("large", VALUES))
    assert error_type(await runner.outcome(asked)) == "wrong-pool"


async def test_steps_of_a_command_are_in_its_trace(runner: Runner, recorded: Recording) -> None:
    runner.log_model()
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for number in range(2):
        await runner.service.handle_all([command([{"a": 3.0}], number, traceparent=traceparent)], redelivered=False)
    names = [span.name for span in recorded.spans]
    answered = ["call", "predict", "send results", "process run-model"]
    assert names == ["look up", "load", *answered, *answered]
    assert {trace_of(span) for span in recorded.spans} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert [labels["ondemand.cache.result"] for labels in recorded.labels(CACHE)] == ["miss", "hit"]


async def test_look_up_without_a_model_is_told_and_the_training_is_in_the_trace(
    runner: Runner, recorded: Recording
) -> None:
    await runner.service.handle_all([command([{"a": 3.0}])], redelivered=False)
    ((_, message), _) = runner.published.messages
    assert isinstance(message, StartTraining)
    assert id_of(recorded.span("send train")) in str(message.command.traceparent)
    assert recorded.labels(LOOKUPS) == [{"ondemand.model.type": "wine", "ondemand.outcome": "not-found"}]
