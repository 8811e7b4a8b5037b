"""The function of the train app."""

import asyncio
from dataclasses import dataclass
from functools import cache

import azure.functions as func

from functions import telemetry
from functions.bus import Bus
from functions.bus_time import bus_time
from functions.catalog import catalog
from functions.contracts import UnknownVersion, train_message_in
from functions.health import opens
from functions.operations import open_store
from functions.put_off import put_off
from functions.queues import RESULTS, TRAIN
from functions.replies import Replies
from functions.settings import SERVICEBUS, BusSettings, StoreSettings, TrainSettings, load
from functions.time_limits import HANDLER_LIMIT_S, check_time_limits
from functions.train.jobs import Jobs
from functions.train.ledger import Ledger
from functions.train.quotas import Quotas
from functions.train.service import TrainService

blueprint = func.Blueprint()


@dataclass(frozen=True)
class App:
    """The parts of the train app."""

    bus: Bus
    jobs: Jobs
    service: TrainService


def time_limits(bus: BusSettings) -> dict[str, float]:
    """Of the handling of one message."""
    return {"calls of Databricks and of the ledger": HANDLER_LIMIT_S, "SEND_TIMEOUT_S twice": 2 * bus.send_timeout_s}


@cache
def app() -> App:
    """Built at the first call: importing this module must need neither settings nor a running event loop."""
    check_time_limits(time_limits(load(BusSettings)))
    bus = Bus(load(BusSettings))
    settings = load(TrainSettings)
    jobs = Jobs(settings.databricks_timeout_s)
    ledger = Ledger(open_store(load(StoreSettings).operations_url), "trainings")
    quotas = Quotas(ledger, settings, jobs.status)
    return App(bus, jobs, TrainService(catalog(), bus, Replies(bus), jobs, quotas))


@opens("train")
async def open_train() -> None:
    await asyncio.gather(app().bus.open(TRAIN, RESULTS), app().jobs.load())


@blueprint.function_name("train")
@blueprint.service_bus_queue_trigger(
    arg_name="message", queue_name=TRAIN, connection=SERVICEBUS, data_type=func.DataType.BINARY
)
async def train(message: func.ServiceBusMessage) -> None:
    bus_time.observe(message.enqueued_time_utc)
    body = message.get_body()
    try:
        received = train_message_in(body)
    except UnknownVersion as unknown:
        if not await put_off(app().bus, TRAIN, message, body, unknown):
            raise
        return
    with telemetry.active.received(TRAIN, message, ()), telemetry.active.command(TRAIN, received.command):
        await app().service.handle(received)
