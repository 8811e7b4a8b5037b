"""The function of a runner pool."""

import asyncio
from functools import cache
from threading import Thread

import azure.functions as func

from functions.bus import Bus
from functions.catalog import ModelType, load_catalog
from functions.contracts import run_models_in
from functions.health import opens
from functions.operations import Operations, open_store
from functions.queues import RESULTS, TRAIN
from functions.replies import Replies
from functions.run_model.loading import ModelFolder
from functions.run_model.lookup import Found, import_mlflow, record_merging_off
from functions.run_model.model_cache import ModelCache
from functions.run_model.served_model import ServedModel
from functions.run_model.service import RunModelService
from functions.settings import (
    SERVICEBUS,
    BusSettings,
    RunModelSettings,
    StoreSettings,
    catalog_path,
    load,
    run_model_queue,
)

blueprint = func.Blueprint()


@cache
def service() -> RunModelService:
    """Made at the first call. A process that starts because messages wait looks a model up while its senders open."""
    settings = load(RunModelSettings)
    _bus().prepare(RESULTS, TRAIN)
    folder = ModelFolder(settings.model_cache_dir, settings.model_disk_bytes, settings.mlflow_tracking_uri)

    def load_model(found: Found, entry: ModelType) -> ServedModel:
        def merging_is_off(reason: str) -> None:
            # Beside the prediction that found it out, which need not wait for MLflow.
            Thread(target=record_merging_off, args=(settings.mlflow_tracking_uri, found, reason), daemon=True).start()

        return ServedModel(folder.load(found, entry), settings.merge_max_rows, merging_is_off)

    models = ModelCache(load_model, settings.model_cache_bytes, settings.model_cache_entries)
    operations = Operations(open_store(load(StoreSettings).operations_url))
    return RunModelService(settings, load_catalog(catalog_path()), _bus(), Replies(_bus()), operations, models)


@cache
def _bus() -> Bus:
    return Bus(load(BusSettings))


@opens("run_model")
async def open_run_model() -> None:
    service()
    await asyncio.gather(_bus().open(RESULTS, TRAIN), asyncio.to_thread(import_mlflow))


@blueprint.function_name("run_model")
@blueprint.service_bus_queue_trigger(arg_name="message", queue_name=run_model_queue(), connection=SERVICEBUS)
async def run_model(message: func.ServiceBusMessage) -> None:
    await service().handle_all(run_models_in(message.get_body()), redelivered=(message.delivery_count or 1) > 1)
