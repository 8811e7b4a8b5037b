"""The function of the train app."""

import asyncio
from functools import cache

import azure.functions as func

from functions.bus import RESULTS, TRAIN, Bus
from functions.catalog import load_catalog
from functions.contracts import TRAIN_MESSAGE
from functions.health import opens
from functions.replies import Replies
from functions.settings import SERVICEBUS, BusSettings, TrainSettings, catalog_path, load
from functions.train.jobs import Jobs
from functions.train.service import TrainService

blueprint = func.Blueprint()


@cache
def service() -> TrainService:
    return TrainService(load_catalog(catalog_path()), _bus(), Replies(_bus()), _jobs())


@cache
def _bus() -> Bus:
    return Bus(load(BusSettings))


@cache
def _jobs() -> Jobs:
    return Jobs(load(TrainSettings).databricks_timeout_s)


@opens("train")
async def open_train() -> None:
    await asyncio.gather(_bus().open(TRAIN, RESULTS), _jobs().load())


@blueprint.function_name("train")
@blueprint.service_bus_queue_trigger(arg_name="message", queue_name=TRAIN, connection=SERVICEBUS)
async def train(message: func.ServiceBusMessage) -> None:
    await service().handle(TRAIN_MESSAGE.validate_json(message.get_body()))
