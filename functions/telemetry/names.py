"""The metrics by name, with unit, labels and buckets, and the variables with addresses.

No label is a key, an operation or a caller.
"""

from dataclasses import dataclass

OTLP_TRACES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
OTLP_METRICS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
"""A signal is sent where one of its addresses is given."""
MODEL_TYPE, OUTCOME, QUEUE = "ondemand.model.type", "ondemand.outcome", "messaging.destination.name"
METHOD, ROUTE, STATUS = "http.request.method", "http.route", "http.response.status_code"
RESULT = "ondemand.cache.result"
OPERATION = "ondemand.operation.id"
"""Of spans only."""

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
SLOW = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
NUMBERS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1000.0, 10_000.0, 100_000.0)


@dataclass(frozen=True)
class Metric:
    """A counter, or a histogram where there are ``buckets``."""

    name: str
    unit: str
    labels: tuple[str, ...]
    description: str
    buckets: tuple[float, ...] = ()


REQUESTS = Metric(
    "http.server.request.duration",
    "s",
    (METHOD, ROUTE, STATUS, MODEL_TYPE, OUTCOME),
    "HTTP requests, until the answer: their waiting included.",
    FAST,
)
OPERATIONS = Metric("ondemand.operations", "{operation}", (MODEL_TYPE, OUTCOME), "Outcomes of operations.")
QUEUE_TIME = Metric("ondemand.queue.time", "s", (QUEUE,), "From enqueueing to receiving a message.", FAST)
FROM_ZERO = Metric(
    "ondemand.from_zero.time",
    "s",
    (QUEUE,),
    "The same, of the first message of a process, if the message is older than the process.",
    SLOW,
)
LOOKUPS = Metric("ondemand.lookup.duration", "s", (MODEL_TYPE, OUTCOME), "Look-ups of a model in MLflow.", FAST)
LOADS = Metric("ondemand.load.duration", "s", (MODEL_TYPE, OUTCOME), "Loads of a model, downloads included.", FAST)
PREDICTIONS = Metric(
    "ondemand.predict.duration", "s", (MODEL_TYPE, OUTCOME), "Predictions, their waiting for the model included.", FAST
)
CACHE = Metric("ondemand.cache.requests", "{request}", (MODEL_TYPE, RESULT), "Models asked for: `hit` or `miss`.")
EVICTIONS = Metric("ondemand.cache.evictions", "{model}", (), "Models that left the memory.")
CALL_REQUESTS = Metric("ondemand.call.requests", "{request}", (), "Requests that share a call of a model.", NUMBERS)
CALL_ROWS = Metric("ondemand.call.rows", "{row}", (), "Rows of the requests of a call.", NUMBERS)
TRAININGS = Metric(
    "ondemand.training.duration",
    "s",
    (MODEL_TYPE, OUTCOME),
    "Databricks runs, each once, when they have ended. Refused trainings are among the operations.",
    SLOW,
)
RETRIES = Metric("ondemand.retries", "{message}", (QUEUE,), "Messages that were put off because of trouble.")
DEAD_LETTERS = Metric("ondemand.dead_letters", "{message}", (QUEUE,), "Dead letters that were answered and kept.")

METRICS = (
    REQUESTS,
    OPERATIONS,
    QUEUE_TIME,
    FROM_ZERO,
    LOOKUPS,
    LOADS,
    PREDICTIONS,
    CACHE,
    EVICTIONS,
    CALL_REQUESTS,
    CALL_ROWS,
    TRAININGS,
    RETRIES,
    DEAD_LETTERS,
)
STEPS = {"look up": LOOKUPS, "load": LOADS, "predict": PREDICTIONS}
"""The steps that have a duration of their own."""
