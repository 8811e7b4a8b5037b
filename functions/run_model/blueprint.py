"""The function of a runner pool."""

import asyncio
import os
from dataclasses import dataclass
from functools import cache, partial
from threading import Thread

import azure.functions as func

from functions import telemetry
from functions.bus import Bus
from functions.bus_time import bus_time
from functions.catalog import catalog
from functions.contracts import UnknownVersion, run_models_in
from functions.health import lives, opens
from functions.operations import Operations, open_store
from functions.put_off import put_off
from functions.queues import RESULTS, TRAIN
from functions.run_model.known_models import LOOKUP_TIMEOUT_S, LOOKUP_WAIT_S, KnownModels
from functions.run_model.loader import Loader
from functions.run_model.loading import LoadedModel
from functions.run_model.lookup import Lookup
from functions.run_model.merging import MAX_WAIT_S
from functions.run_model.mlflow_client import import_mlflow, mlflow_client
from functions.run_model.model_cache import ModelCache
from functions.run_model.model_folder import ModelFolder
from functions.run_model.served_model import ServedModel
from functions.run_model.service import RunModelService
from functions.run_model.threads import Threads
from functions.settings import SERVICEBUS, BusSettings, RunModelSettings, StoreSettings, load, run_model_queue
from functions.time_limits import STORE_CALL_S, check_time_limits

blueprint = func.Blueprint()
QUEUE = run_model_queue()


PREDICTIONS_AT_ONCE = min(32, (os.cpu_count() or 1) + 4)
"""As many threads as asyncio takes. More of them would compete with each other and with the event loop."""
LONG_CALL_S = 1.0
"""A prediction that takes longer lets another one begin beside it: long ones must not hold up quick ones."""
THREAD_WAIT_S = 20.0
"""Predictions that have found no thread by then are put off."""
MAX_HUNG = 4
"""Hung threads with which the process asks to be restarted: each keeps its memory, and may take its share of a core."""


@dataclass(frozen=True)
class App:
    """The parts of a runner pool's app."""

    bus: Bus
    service: RunModelService
    folder: ModelFolder
    predictions: Threads
    loader: Loader
    known: KnownModels

    @property
    def hung(self) -> int:
        """Threads that were given up and have not returned."""
        return self.predictions.hung + self.loader.hung + self.known.hung


def time_limits(bus: BusSettings, settings: RunModelSettings) -> dict[str, float]:
    """Of the handling of one message. A load has LOAD_TIMEOUT_S with its download; after it the message is put off."""
    return {
        "a look-up": LOOKUP_WAIT_S + LOOKUP_TIMEOUT_S,
        "LOAD_TIMEOUT_S": settings.load_timeout_s,
        "the wait for a slow model": MAX_WAIT_S,
        "the wait for a thread": THREAD_WAIT_S,
        "PREDICT_TIMEOUT_S": settings.predict_timeout_s,
        "rows and result in the operation store": 2 * STORE_CALL_S,
        "SEND_TIMEOUT_S twice": 2 * bus.send_timeout_s,
    }


@cache
def app() -> App:
    """Built at the first call. A process that starts because messages wait looks a model up while its senders open."""
    settings = load(RunModelSettings)
    check_time_limits(time_limits(load(BusSettings), settings))
    bus = Bus(load(BusSettings))
    bus.prepare(RESULTS, TRAIN)
    lookup = Lookup(partial(mlflow_client, settings.mlflow_tracking_uri))
    folder = ModelFolder(settings.model_cache_dir, settings.model_disk_bytes, settings.mlflow_tracking_uri)
    predictions = Threads("predict", PREDICTIONS_AT_ONCE, settings.predict_timeout_s, LONG_CALL_S, THREAD_WAIT_S)

    def serve(loaded: LoadedModel) -> ServedModel:
        def merging_is_off(reason: str) -> None:
            # In a thread of its own: the prediction that disproved the model need not wait for MLflow.
            Thread(target=lookup.record_merging_off, args=(loaded.found, reason), daemon=True).start()

        return ServedModel(loaded, settings.merge_max_rows, merging_is_off, predictions)

    loader = Loader(folder, serve, settings.load_timeout_s, settings.max_result_bytes)
    models = ModelCache(loader.load, settings.model_cache_bytes, settings.model_cache_entries, settings.load_timeout_s)
    known = KnownModels(lookup, settings.lookup_ttl_s, models.__contains__)
    operations = Operations(open_store(load(StoreSettings).operations_url))
    service = RunModelService(QUEUE, catalog(), bus, operations, known, models)
    return App(bus, service, folder, predictions, loader, known)


@opens("run_model")
async def open_run_model() -> None:
    """Open the senders and import mlflow. Raises Unavailable."""
    await asyncio.gather(
        app().bus.open(RESULTS, TRAIN), asyncio.to_thread(import_mlflow), asyncio.to_thread(app().folder.prepare)
    )


@lives("run_model")
def trouble() -> str | None:
    """Why the process should be restarted: Python cannot end a thread."""
    hung = app().hung if app.cache_info().currsize else 0
    return f"{hung} threads hang in models or stores" if hung >= MAX_HUNG else None


@blueprint.function_name("run_model")
@blueprint.service_bus_queue_trigger(
    arg_name="message", queue_name=QUEUE, connection=SERVICEBUS, data_type=func.DataType.BINARY
)
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
    with telemetry.active.received(QUEUE, message, commands):
        await app().service.handle_all(commands, redelivered)
