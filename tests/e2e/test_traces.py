"""One request's trace through predict, train and run-model, and the metrics of all, as a collector receives them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from functions.telemetry.names import METRICS
from ondemand.stack import Stack
from tests.e2e.client import PATIENCE_S, Client, wine
from tests.e2e.conftest import ENVIRON, HERE
from tests.harness.collector import Collector, ReceivedSpan, collecting

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXPORTED_S = 60
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "1000"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    environ = {**ENVIRON, **SOON, "CATALOG_FILE": str(HERE / "models.yaml")}
    data: Path = tmp_path_factory.mktemp("traced")
    stack = Stack(data, free_ports=True, environ=environ, otel=collector.url)
    async with stack, Client(stack.url, stack.addresses) as client:
        yield client


async def test_trace_goes_from_the_request_through_the_training_to_the_answer(
    client: Client, collector: Collector
) -> None:
    answer = await client.predict(wine(alpha=0.36), wait=PATIENCE_S, traceparent=f"00-{TRACE}-{PARENT}-01")
    assert answer.json()["status"] == "completed", answer.text
    everything = {
        ("predict", "POST /predict"),
        ("predict", "send run-model"),
        ("run-model", "process run-model"),
        ("run-model", "look up"),
        ("run-model", "send train"),
        ("train", "process train"),
        ("train", "training"),
        ("train", "send run-model"),
        ("run-model", "load"),
        ("run-model", "predict"),
        ("run-model", "call"),
        ("run-model", "send results"),
        ("predict", "process results"),
    }
    spans = await asyncio.to_thread(collector.spans_until, everything, EXPORTED_S)
    of_request = [span for span in spans if span.trace_id == TRACE]
    assert {(span.service, span.name) for span in of_request} >= everything
    assert {path(span, of_request) for span in of_request} >= {
        "POST /predict",
        "POST /predict > send run-model > process run-model > look up",
        "POST /predict > send run-model > process run-model > send train > process train",
        "POST /predict > send run-model > process run-model > send train > training",
        f"{TRAINED} > load",
        f"{TRAINED} > predict > call",
        f"{TRAINED} > send results > process results",
    }
    training = next(span for span in of_request if span.name == "training")
    assert training.seconds > 0.1
    operation = answer.json()["runId"]
    told = {span.attributes["ondemand.operation.id"] for span in of_request if "process" in span.name}
    assert told == {operation}


TRAINED = (
    "POST /predict > send run-model > process run-model > send train > process train > send run-model"
    " > process run-model"
)


async def test_requests_that_share_a_message_or_a_call_are_linked(client: Client, collector: Collector) -> None:
    await asyncio.gather(*(client.predict(wine(alpha=0.36), wait=PATIENCE_S) for _ in range(40)))
    spans = await asyncio.to_thread(collector.spans_until, {("run-model", "receive run-model")}, EXPORTED_S)
    shared = next(span for span in spans if span.name == "receive run-model")
    assert len(shared.links) == shared.attributes["messaging.batch.message_count"] > 1
    sent = {span.span_id for span in spans if span.name == "send run-model"}
    assert sent.issuperset(shared.links)


async def test_metrics_have_no_label_but_those_of_the_table(client: Client, collector: Collector) -> None:
    never = {"ondemand.retries", "ondemand.dead_letters", "ondemand.cache.evictions", "ondemand.from_zero.time"}
    wanted = {metric.name for metric in METRICS} - never
    points = await asyncio.to_thread(collector.points_until, wanted, EXPORTED_S)
    known = {metric.name: metric for metric in METRICS}
    for point in points:
        assert set(point.labels) <= set(known[point.metric].labels), point
        assert point.unit == known[point.metric].unit
    trainings = [point for point in points if point.metric == "ondemand.training.duration"]
    assert {(point.service, point.labels["ondemand.model.type"], point.value) for point in trainings} == {
        ("train", "wine", 1.0)
    }


def path(span: ReceivedSpan, spans: list[ReceivedSpan]) -> str:
    """The names from the first span of our own to this one."""
    parent = next((each for each in spans if each.span_id == span.parent_id), None)
    return span.name if parent is None else f"{path(parent, spans)} > {span.name}"
