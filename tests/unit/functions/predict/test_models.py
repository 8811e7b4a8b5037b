"""``GET /models`` asks MLflow's REST API, and answers without it too."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from functions.catalog import Catalog
from functions.errors import UnknownModelType
from functions.predict import models
from functions.predict.models import Models
from functions.settings import ModelsSettings
from tests.unit.functions.silence import silent_server

ENTRY = {
    "experiment": "/wine",
    "notebook": "/n",
    "cluster": {"serverless": True},
    "parameters": {"alpha": {"type": "float", "default": 1}},
}
CATALOG = Catalog.model_validate({"models": {"wine": ENTRY}})
EXPERIMENT = {"experiment": {"experiment_id": "1"}}
READY = {
    "info": {
        "model_id": "m-1",
        "status": "LOGGED_MODEL_READY",
        "source_run_id": "r",
        "creation_timestamp_ms": "0",
        "tags": [{"key": "ondemand.merging", "value": "why"}],
    },
    "data": {"params": [{"key": "alpha", "value": "0.5"}, {"key": "other", "value": "1"}]},
}


class MLflow(HTTPServer):
    """Answers by path; what was asked is in ``asked``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any]] = {
            "get-by-name": (200, EXPERIMENT),
            "search": (200, {"models": [READY, {"info": {"status": "PENDING"}}]}),
        }
        self.authorizations: set[str | None] = set()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: MLflow

    def do_GET(self) -> None:
        self.server.authorizations.add(self.headers.get("Authorization"))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = self.path.split("?")[0].rpartition("/")[2]
        self.server.asked.append(call)
        status, document = self.server.answers[call]
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mlflow() -> Iterator[MLflow]:
    with MLflow() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def described(settings: ModelsSettings, model_type: str = "WINE") -> dict[str, Any]:
    models = Models(CATALOG, settings)
    try:
        return await models.get(model_type)
    finally:
        await models._http.aclose()


async def test_trained_models_are_listed_when_they_are_ready(mlflow: MLflow) -> None:
    answer = await described(ModelsSettings(mlflow_tracking_uri=mlflow.url, mlflow_tracking_token="secret"))
    assert answer["modelType"] == "wine"
    assert answer["trainedModels"] == [
        {
            "uri": "models:/m-1",
            "runId": "r",
            "parameters": {"alpha": "0.5"},
            "merging": "why",
            "createdAt": "1970-01-01T00:00:00+00:00",
        }
    ]
    assert mlflow.authorizations == {"Bearer secret"}


async def test_databricks_is_asked_at_its_own_host_with_its_own_token(mlflow: MLflow) -> None:
    settings = ModelsSettings(mlflow_tracking_uri="databricks", databricks_host=mlflow.url, databricks_token="own")
    assert (await described(settings))["trainedModels"]
    assert mlflow.authorizations == {"Bearer own"}


async def test_an_experiment_that_does_not_exist_has_no_models(mlflow: MLflow) -> None:
    mlflow.answers["get-by-name"] = (404, {})
    answer = await described(ModelsSettings(mlflow_tracking_uri=mlflow.url))
    assert (answer["trainedModels"], "trainedModelsError" in answer) == ([], False)
    assert mlflow.authorizations == {None}


@pytest.mark.parametrize("answer", [(500, {}), (200, {"unexpected": 1}), (403, {})])
async def test_the_catalog_is_shown_while_mlflow_cannot_be_asked(mlflow: MLflow, answer: tuple[int, Any]) -> None:
    mlflow.answers["get-by-name"] = answer
    described_type = await described(ModelsSettings(mlflow_tracking_uri=mlflow.url))
    assert described_type["trainedModels"] is None
    assert described_type["trainedModelsError"] == "MLflow could not be asked; try again in a moment."
    assert described_type["parameters"] == {
        "alpha": {"type": "float", "default": 1, "required": False, "description": ""}
    }


async def test_all_types_are_answered_for_in_time_while_mlflow_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait for each other: with many types it took longer than functionTimeout."""
    monkeypatch.setattr(models, "ANSWER_S", 0.1)
    catalog = Catalog.model_validate(
        {"models": {f"wine{each}": {**ENTRY, "experiment": f"/wine{each}"} for each in range(20)}}
    )
    async with silent_server() as (url, _):
        answer = await Models(catalog, ModelsSettings(mlflow_tracking_uri=url)).all()
    assert [model["trainedModels"] for model in answer["models"]] == [None] * 20
    assert all("MLflow could not be asked" in model["trainedModelsError"] for model in answer["models"])


async def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(UnknownModelType):
        await described(ModelsSettings(mlflow_tracking_uri="http://127.0.0.1:1"), "beer")


async def test_callers_share_what_mlflow_said(mlflow: MLflow) -> None:
    two = Catalog.model_validate({"models": {"wine": ENTRY, "beer": ENTRY | {"experiment": "/beer"}}})
    models = Models(two, ModelsSettings(mlflow_tracking_uri=mlflow.url))
    first, second, wine = await asyncio.gather(models.all(), models.all(), models.get("wine"))
    assert first == second == await models.all()
    assert wine == first["models"][0] == await models.get("WINE")
    assert sorted(mlflow.asked) == ["get-by-name", "get-by-name", "search", "search"]
