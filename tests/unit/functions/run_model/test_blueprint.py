"""The function of a runner pool."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from functions.contracts import RunModel, utc_now
from functions.errors import Unavailable
from functions.run_model import blueprint as module
from functions.run_model.threads import CallTimeout
from functions.settings import load
from tests.unit.functions.handlers import NOBODY_LISTENS, Handler, Message, functions_of, handlers_of, trigger_of


@pytest_asyncio.fixture
async def run_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Handler]:
    monkeypatch.setenv("SERVICEBUS_CONNECTION", NOBODY_LISTENS)
    monkeypatch.setenv("SEND_TIMEOUT_S", "0.2")
    monkeypatch.setenv("OPERATIONS_URL", tmp_path.as_uri())
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("PREDICT_TIMEOUT_S", "1")
    load.cache_clear()
    module.app.cache_clear()
    yield handlers_of(module.blueprint)["run_model"]
    await module.app().bus.close()
    module.app.cache_clear()
    load.cache_clear()


def test_it_listens_to_the_queue_of_its_pool() -> None:
    (function,) = functions_of(module.blueprint).values()
    assert trigger_of(function)["queueName"] == "run-model"


@pytest.mark.parametrize("body", [b"", b"{", b"1", b'{"kind":"Event"}'])
async def test_message_that_cannot_be_read_goes_back_to_the_queue(run_model: Handler, body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # orjson's and pydantic's errors have nothing else in common
        await run_model(Message(body))


async def test_command_whose_outcome_the_bus_does_not_take_goes_back_to_the_queue(run_model: Handler) -> None:
    now = utc_now()
    expired = RunModel(
        operation="a" * 32,
        reply_to_session="session",
        model_type="wine",
        parameters={"alpha": 0.5, "l1_ratio": 0.5},
        key="0" * 64,
        prediction_input=[{"alcohol": 12.0}],
        created_at=now - timedelta(hours=2),
        deadline=now - timedelta(hours=1),
        expires_at=now + timedelta(hours=1),
    )
    with pytest.raises(Unavailable):
        await run_model(Message(expired.to_json()))


async def test_process_is_not_live_while_too_many_threads_hang(run_model: Handler) -> None:
    assert module.trouble() is None
    threads, gate = module.app().predictions, threading.Event()
    hanging = [asyncio.create_task(threads.run(gate.wait)) for _ in range(module.MAX_HUNG)]
    try:
        outcomes = await asyncio.gather(*hanging, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [CallTimeout] * module.MAX_HUNG
        assert module.trouble() == f"{module.MAX_HUNG} threads hang in models or stores"
    finally:
        gate.set()


def test_process_that_has_not_begun_is_live() -> None:
    module.app.cache_clear()
    assert module.trouble() is None


def test_lock_is_renewed_for_as_long_as_a_function_may_run() -> None:
    host = json.loads((Path(__file__).parents[4] / "host.json").read_text("utf-8"))
    assert host["functionTimeout"] == host["extensions"]["serviceBus"]["maxAutoLockRenewalDuration"] == "00:10:00"
