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
    untrained = "predict: POST /predict > predict: send run-model > run-model: process run-model"
    training = f"{untrained} > run-model: send train"
    trained = f"{training} > train: process train > train: send run-model > run-model: process run-model"
    wanted = {
        f"{untrained} > run-model: look up",
        f"{training} > train: training",
        f"{trained} > run-model: look up",
        f"{trained} > run-model: load",
        f"{trained} > run-model: predict > run-model: call",
        f"{trained} > run-model: send results > predict: process results",
    }
    spans = await asyncio.to_thread(collector.spans_until, lambda spans: wanted <= paths(spans), EXPORTED_S)
    assert wanted <= paths(spans)
    of_request = [span for span in spans if span.trace_id == TRACE]
    (root,) = (span for span in of_request if span.name == "POST /predict")
    assert root.parent_id == PARENT
    (run,) = (span for span in of_request if span.name == "training")
    assert 0.1 < run.seconds < root.seconds
    operations = {span.attributes.get("ondemand.operation.id") for span in of_request if "process" in span.name}
    assert operations == {answer.json()["runId"]}


async def test_requests_that_share_a_message_or_a_call_are_linked(client: Client, collector: Collector) -> None:
    await asyncio.gather(*(client.predict(wine(alpha=0.36), wait=PATIENCE_S) for _ in range(40)))
    spans = await asyncio.to_thread(collector.spans_until, lambda spans: bool(senders(spans)), EXPORTED_S)
    message, sent = senders(spans)[0]
    assert {span.name for span in sent} == {"send run-model"}
    assert len(sent) == message.attributes["messaging.batch.message_count"] > 1
    handled = [span for span in spans if message.span_id in span.links]
    assert {span.trace_id for span in handled} == {span.trace_id for span in sent}


async def test_metrics_have_no_label_but_those_of_the_table(client: Client, collector: Collector) -> None:
    await client.predict(wine(alpha=0.36), wait=PATIENCE_S)
    never = {"ondemand.retries", "ondemand.dead_letters", "ondemand.cache.evictions", "ondemand.from_zero.time"}
    wanted = {metric.name for metric in METRICS} - never
    points = await asyncio.to_thread(
        collector.points_until, lambda points: wanted <= {point.metric for point in points}, EXPORTED_S
    )
    assert wanted <= {point.metric for point in points}
    known = {metric.name: metric for metric in METRICS}
    for point in points:
        assert set(point.labels) <= set(known[point.metric].labels), point
        assert point.unit == known[point.metric].unit
    trainings = [point for point in points if point.metric == "ondemand.training.duration"]
    assert {(point.service, point.labels["ondemand.model.type"], point.value) for point in trainings} == {
        ("train", "wine", 1.0)
    }


def paths(spans: list[ReceivedSpan]) -> set[str]:
    """Services and names from the first span of our own to each span of the trace."""
    of_trace = {span.span_id: span for span in spans if span.trace_id == TRACE}

    def path(span: ReceivedSpan) -> str:
        name = f"{span.service}: {span.name}"
        return f"{path(of_trace[span.parent_id])} > {name}" if span.parent_id in of_trace else name

    return {path(span) for span in of_trace.values()}


def senders(spans: list[ReceivedSpan]) -> list[tuple[ReceivedSpan, list[ReceivedSpan]]]:
    """The messages of several commands that are there with all spans linked to them, and the spans that sent these."""
    found = []
    for message in (span for span in spans if span.name == "receive run-model"):
        sent = [span for span in spans if span.span_id in message.links]
        handled = [span for span in spans if message.span_id in span.links]
        if len(sent) == len(handled) == len(message.links):
            found.append((message, sent))
    return found
