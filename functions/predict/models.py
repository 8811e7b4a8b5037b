"""``GET /models``: the catalog, and the trained models by MLflow's REST API (this function imports no mlflow)."""

import asyncio
import logging
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from functions.catalog import Catalog, ModelType
from functions.settings import ModelsSettings
from functions.shared_calls import SharedCalls

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

MAX_LISTED = 100
TIMEOUT_S = 10.0
ANSWER_S = 30.0
"""For the answer about a type, its wait for others included: the host bounds how long a request may take."""
KEPT_S = 5.0
"""How old a list of models may be: a client that asks in a loop costs MLflow no more than that."""
MAX_AT_ONCE = 4
"""Model types that MLflow is asked about at the same time."""
MERGING = "ondemand.merging"
"""Tag of a model whose predictions are not merged: the reason why."""


class Models:
    """``trainedModels`` is null, with the reason beside it, when MLflow cannot be asked.

    What MLflow said is kept for seconds, and callers share it.
    """

    def __init__(self, catalog: Catalog, settings: ModelsSettings) -> None:
        self._catalog = catalog
        self._settings = settings
        self._descriptions: SharedCalls[str, dict[str, Any]] = SharedCalls(KEPT_S)
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    @cached_property
    def _http(self) -> "httpx.AsyncClient":
        import httpx  # 0.14 s that a prediction does not need

        return httpx.AsyncClient(
            base_url=_base_url(self._settings), headers=_headers(self._settings), timeout=TIMEOUT_S
        )

    async def all(self) -> dict[str, Any]:
        entries = self._catalog.models.items()
        return {"models": await asyncio.gather(*(self._describe(name, entry) for name, entry in entries))}

    async def get(self, model_type: str) -> dict[str, Any]:
        """Raises UnknownModelType."""
        return await self._describe(*self._catalog.find(model_type))

    async def _describe(self, name: str, entry: ModelType) -> dict[str, Any]:
        return await self._descriptions.get(name, partial(self._ask, name, entry))

    async def _ask(self, name: str, entry: ModelType) -> dict[str, Any]:
        import httpx

        description: dict[str, Any] = {
            "modelType": name,
            "description": entry.description,
            "parameters": {
                parameter: spec.model_dump(mode="json", exclude_none=True)
                for parameter, spec in entry.parameters.items()
            },
            "merge": entry.merge,
            "unknownColumns": entry.unknown_columns,
            "trainedModels": None,
        }
        try:
            async with asyncio.timeout(ANSWER_S), self._places:
                description["trainedModels"] = await self._trained(entry)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, KeyError, ValueError) as error:
            logger.warning("listing the models of %s: %s: %s", name, type(error).__name__, error)
            description["trainedModelsError"] = "MLflow could not be asked; try again in a moment."
        return description

    async def _trained(self, entry: ModelType) -> list[dict[str, Any]]:
        found = await self._http.get("experiments/get-by-name", params={"experiment_name": entry.experiment})
        if found.status_code == 404:
            return []
        experiment_id = found.raise_for_status().json()["experiment"]["experiment_id"]
        search = {
            "experiment_ids": [experiment_id],
            "filter": f"name = '{entry.artifact_name}'",
            "max_results": MAX_LISTED,
            "order_by": [{"field_name": "creation_timestamp", "ascending": False}],
        }
        answer = (await self._http.post("logged-models/search", json=search)).raise_for_status().json()
        return [_trained_model(model, entry) for model in answer.get("models", []) if _is_ready(model)]


def _is_ready(model: dict[str, Any]) -> bool:
    return bool(model["info"].get("status") in ("READY", "LOGGED_MODEL_READY"))


def _trained_model(model: dict[str, Any], entry: ModelType) -> dict[str, Any]:
    info = model["info"]
    parameters = {p["key"]: p["value"] for p in model.get("data", {}).get("params", [])}
    return {
        "uri": f"models:/{info['model_id']}",
        "runId": info.get("source_run_id"),
        "parameters": {name: value for name, value in parameters.items() if name in entry.parameters},
        "merging": _tags(info).get(MERGING),
        "createdAt": datetime.fromtimestamp(int(info["creation_timestamp_ms"]) / 1000, UTC).isoformat(),
    }


def _tags(info: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in info.get("tags", [])}


def _base_url(settings: ModelsSettings) -> str:
    uri = settings.mlflow_tracking_uri or ""
    host = (settings.databricks_host or "") if uri.startswith("databricks") else uri
    return f"{host.rstrip('/')}/api/2.0/mlflow/"


def _headers(settings: ModelsSettings) -> dict[str, str]:
    on_databricks = (settings.mlflow_tracking_uri or "").startswith("databricks")
    token = settings.databricks_token if on_databricks else settings.mlflow_tracking_token
    return {"Authorization": f"Bearer {token}"} if token else {}
