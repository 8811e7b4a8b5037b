"""Polls by any spelling of an id, and answers that say what was asked for."""

import json
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from functions.catalog import load_catalog
from functions.contracts import Operation
from functions.errors import UnknownRun
from functions.operations import Operations
from functions.predict.results import Results
from functions.predict.secret import Secret
from functions.predict.service import PredictService
from functions.settings import PredictSettings
from tests.unit.functions.publishers import RecordingPublisher
from tests.unit.functions.stored import as_read

CATALOG = load_catalog(Path(__file__).parents[4] / "models.yaml")
ID = "0123456789abcdef0123456789abcdef"
COMPLETED = Operation(
    operation_id=ID,
    status="completed",
    result=[5.6],
    model_type="wine",
    model_parameters={"alpha": 0.36, "l1_ratio": 0.5},
)


async def reply_session() -> str:
    return "session"


@pytest.fixture
async def operations() -> Operations:
    operations = Operations(MemoryStore())
    await operations.begin(COMPLETED)
    await operations.record(COMPLETED)
    return operations


@pytest.fixture
def service(operations: Operations) -> PredictService:
    publisher = RecordingPublisher()
    results = Results(operations, publisher, max_waiting=2)
    return PredictService(
        PredictSettings(), CATALOG, publisher, operations, results, Secret(operations, None), reply_session
    )


@pytest.mark.parametrize("spelling", [ID, ID.upper(), "01234567-89ab-cdef-0123-456789ABCDEF"])
async def test_every_spelling_of_an_id_polls_the_same_run(service: PredictService, spelling: str) -> None:
    assert as_read((await service.poll("", spelling, None)).operation) == COMPLETED
    document = {"runId": spelling, "modelParameters": None, "status": "running", "result": None, "statusMessage": ""}
    assert as_read((await service.post("", {}, json.dumps(document).encode())).operation) == COMPLETED


async def test_the_answer_itself_is_a_poll(service: PredictService) -> None:
    answer = await service.post("", {}, COMPLETED.to_json())
    assert (answer.status, as_read(answer.operation)) == (200, COMPLETED)


@pytest.mark.parametrize("run_id", ["", "nonsense", "0" * 32, ID + "\n", "x" * 10_000])
async def test_an_unknown_id_is_told_as_such(service: PredictService, run_id: str) -> None:
    for poll in (service.poll("", run_id, None), service.post("", {}, json.dumps({"runId": run_id}).encode())):
        with pytest.raises(UnknownRun) as refusal:
            await poll
        assert refusal.value.detail.startswith("There is no run '")
        assert len(refusal.value.detail) < 150


async def test_a_valid_request_that_is_not_accepted_gets_its_parameters_back(
    service: PredictService, operations: Operations
) -> None:
    another = b'{"modelType": "WINE", "predictionParameters": {"b": 1}}'
    await service.post("", {"idempotency-key": "order-1", "prefer": "wait=0"}, another)
    body = b'{"modelType": "WINE", "modelParameters": {"alpha": "3.6e-1"}, "predictionParameters": {"a": 1}}'
    answer = await service.post("", {"idempotency-key": "order-1"}, body)
    error = answer.operation.error
    assert error is not None
    assert (answer.status, error.type) == (422, "urn:mlflow-ondemand:problem:idempotency-key-reused")
    assert answer.operation.model_type == "wine"
    assert answer.operation.model_parameters == {
        "alpha": 0.36,
        "l1_ratio": CATALOG.models["wine"].parameters["l1_ratio"].default,
    }
