"""``GET /models`` against a real MLflow server."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from functions.catalog import Catalog
from functions.predict.models import Models
from functions.settings import ModelsSettings
from tests.integration.ondemand.parts_databricks import mlflow_server

__all__ = ["mlflow_server"]
ENTRY = {"experiment": "/plain", "notebook": "/n", "cluster": {"serverless": True}, "parameters": {}}
STRICT = ENTRY | {"experiment": "/strict", "merge": "never", "unknown_columns": "refuse"}
CATALOG = Catalog.model_validate({"models": {"plain": ENTRY, "strict": STRICT}})
REASON = "row 2 alone gives another value"


@pytest_asyncio.fixture
async def models(mlflow_server: str) -> AsyncIterator[Models]:
    models = Models(CATALOG, ModelsSettings(mlflow_tracking_uri=mlflow_server))
    yield models
    await models._http.aclose()


def log_models(tracking_uri: str, *all_tags: dict[str, str]) -> list[str]:
    """The URIs of new models of one experiment, each ready and with these tags."""
    with httpx.Client(base_url=tracking_uri) as client:

        def call(method: str, path: str, body: dict[str, Any]) -> Any:
            return client.request(method, f"/api/2.0/mlflow/{path}", json=body).raise_for_status().json()

        experiment = call("POST", "experiments/create", {"name": ENTRY["experiment"]})["experiment_id"]
        uris = []
        for tags in all_tags:
            body = {"experiment_id": experiment, "name": "model", "tags": [{"key": k, "value": tags[k]} for k in tags]}
            model_id = call("POST", "logged-models", body)["model"]["info"]["model_id"]
            call("PATCH", f"logged-models/{model_id}", {"model_id": model_id, "status": "LOGGED_MODEL_READY"})
            uris.append(f"models:/{model_id}")
    return uris


async def test_types_and_trained_models_say_what_is_merged(models: Models, mlflow_server: str) -> None:
    tagged, untagged = log_models(mlflow_server, {"ondemand.merging": REASON, "other": "x"}, {})
    plain, strict = (await models.all())["models"]
    assert (plain["modelType"], plain["merge"], plain["unknownColumns"]) == ("plain", "auto", "name")
    assert {model["uri"]: model["merging"] for model in plain["trainedModels"]} == {tagged: REASON, untagged: None}
    assert (strict["modelType"], strict["merge"], strict["unknownColumns"]) == ("strict", "never", "refuse")
    assert strict["trainedModels"] == []
