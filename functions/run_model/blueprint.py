"""The function of a runner pool."""

import asyncio
from dataclasses import dataclass
from functools import cache, partial
from threading import Thread

import azure.functions as func

from functions.bus import Bus
from functions.bus_time import bus_time
from functions.catalog import ModelType, catalog
from functions.contracts import UnknownVersion, run_models_in
from functions.health import opens
from functions.operations import Operations, open_store
from functions.put_off import put_off
from functions.queues import RESULTS, TRAIN
from functions.run_model.known_models import KnownModels
from functions.run_model.loading import ModelFolder
from functions.run_model.lookup import Found, Lookup
from functions.run_model.mlflow_client import import_mlflow, mlflow_client
from functions.run_model.model_cache import ModelCache
from functions.run_model.served_model import ServedModel
from functions.run_model.service import RunModelService
from functions.settings import SERVICEBUS, BusSettings, RunModelSettings, StoreSettings, load, run_model_queue

blueprint = func.Blueprint()
QUEUE = run_model_queue()


@dataclass(frozen=True)
class App:
    """The parts of a runner pool's app."""

    bus: Bus
    service: RunModelService


@cache
def app() -> App:
    """Built at the first call. A process that starts because messages wait looks a model up while its senders open."""
    settings = load(RunModelSettings)
    bus = Bus(load(BusSettings))
    bus.prepare(RESULTS, TRAIN)
    lookup = Lookup(partial(mlflow_client, settings.mlflow_tracking_uri))
    folder = ModelFolder(settings.model_cache_dir, settings.model_disk_bytes, settings.mlflow_tracking_uri)

    def load_model(found: Found, entry: ModelType) -> ServedModel:
        def merging_is_off(reason: str) -> None:
            # In a thread of its own: the prediction that disproved the model need not wait for MLflow.
            Thread(target=lookup.record_merging_off, args=(found, reason), daemon=True).start()

        return ServedModel(folder.load(found, entry), settings.merge_max_rows, merging_is_off)

    models = ModelCache(load_model, settings.model_cache_bytes, settings.model_cache_entries)
    known = KnownModels(lookup, settings.lookup_ttl_s, models.__contains__)
    operations = Operations(open_store(load(StoreSettings).operations_url))
    return App(bus, RunModelService(QUEUE, catalog(), bus, operations, known, models))


@opens("run_model")
async def open_run_model() -> None:
    """Open the senders and import mlflow. Raises Unavailable."""
    await asyncio.gather(app().bus.open(RESULTS, TRAIN), asyncio.to_thread(import_mlflow))


@blueprint.function_name("run_model")
@blueprint.service_bus_queue_trigger(arg_name="message", queue_name=QUEUE, connection=SERVICEBUS)
async def run_model(message: func.ServiceBusMessage) -> None:
    """Handle the commands of one message."""
    bus_time.observe(message.enqueued_time_utc)
    redelivered = (message.delivery_count or 1) > 1
    body = message.get_body()
    try:
        commands = run_models_in(body)
    except UnknownVersion as unknown:
        if not await put_off(app().bus, QUEUE, message, body, unknown):
            raise
        return
    await app().service.handle_all(commands, redelivered)
