"""Many models in one process: Zipf traffic over a memory cap, look-ups among 20,000, herds, loads side by side."""

import asyncio
import time
from collections.abc import Sequence
from statistics import median

import psutil

from benchmarks.harness.distribution import Latency
from benchmarks.harness.http_client import post
from benchmarks.harness.load import closed_loop
from benchmarks.harness.records import Figures
from benchmarks.harness.wine import MODEL_TYPE, PARAMETERS
from benchmarks.own.api_client import ApiClient, body
from benchmarks.own.cli import run_scenario
from benchmarks.own.seed_models import add_copies, parameters_of
from benchmarks.own.zipf import zipf
from benchmarks.serving.contenders.ondemand import Ondemand
from benchmarks.serving.visit import latency_figures
from benchmarks.serving.workspace import copy_of_stack, wine_experiment
from functions.catalog import ModelType, load_catalog
from functions.parameters import training_key
from functions.run_model.lookup import Found, Lookup
from functions.run_model.mlflow_client import mlflow_client
from functions.settings import catalog_path

MODELS, CAP, SPARE = 200, 50, 20
"""Models with traffic, how many fit in memory, and models that nobody has asked for before."""
CONNECTIONS = 16
HERD = 50
SIDE_BY_SIDE = 4
EXPERIMENTS = {"10": "/benchmark/ten", "20000": "/benchmark/twenty-thousand"}
UNTAGGED = 5
"""Models of each experiment that are found by parameters; a look-up tags them, so each serves once."""
EVICTED = "leaves the memory cache"


async def measure(seconds: float = 20.0) -> Figures:
    """Hit rate, latency and memory under Zipf traffic; look-ups; a herd; loads side by side."""
    folder = copy_of_stack("many-models")
    database = folder / "mlflow" / "mlflow.db"
    add_copies(database, MODEL_TYPE, wine_experiment(), count=MODELS + SPARE, tagged=MODELS + SPARE)
    for size, experiment in EXPERIMENTS.items():
        add_copies(database, MODEL_TYPE, experiment, count=int(size), tagged=int(size) - UNTAGGED)
    ondemand = Ondemand(folder, {"MODEL_CACHE_ENTRIES": str(CAP)})
    async with ondemand, ApiClient(ondemand) as client:
        await client.answer()
        figures = await asyncio.to_thread(_lookups, ondemand.stack.addresses.mlflow)
        figures |= await _first_times(client)
        figures |= await _traffic(ondemand, seconds)
        figures |= await _herd(ondemand, client)
        return figures | await _side_by_side(client)


def _parameters(number: int) -> dict[str, float]:
    return parameters_of(number, PARAMETERS["l1_ratio"])


async def _first_times(client: ApiClient) -> Figures:
    """Each model is asked for once: looked up, downloaded, loaded."""
    slots = asyncio.Semaphore(CONNECTIONS)

    async def seconds(number: int) -> float:
        async with slots:
            return await client.seconds(_parameters(number))

    began = time.perf_counter()
    latency = Latency.of(await asyncio.gather(*map(seconds, range(MODELS))))
    return {
        "first_time_per_second": MODELS / (time.perf_counter() - began),
        "first_time_p50_ms": latency.p50,
        "first_time_p99_ms": latency.p99,
    }


async def _traffic(ondemand: Ondemand, seconds: float) -> Figures:
    asked = zipf(MODELS, requests=20_000, seed=1)
    requests = [post(ondemand.url, body(_parameters(model)), ondemand.headers) for model in asked]
    process = psutil.Process(ondemand.pids["run-model"])
    await closed_loop(ondemand.url, requests, CONNECTIONS, seconds / 4)  # memory fills with what is asked most
    full, evicted = process.memory_info().rss, _evictions(ondemand)
    load = await closed_loop(ondemand.url, requests, CONNECTIONS, seconds)
    refused = [answer for _, answer in load.answers if answer.status != 200]
    if refused:
        raise RuntimeError(f"{len(refused)} requests were not answered: {refused[0]}")
    misses = _evictions(ondemand) - evicted
    return {
        "zipf_per_second": load.per_second,
        **{f"zipf_{name}": value for name, value in latency_figures(load).items()},
        "zipf_hit_rate": 1 - misses / len(load.answers),
        "zipf_memory_growth_mb": (process.memory_info().rss - full) / 1e6,
        "zipf_memory_mb": process.memory_info().rss / 1e6,
    }


async def _herd(ondemand: Ondemand, client: ApiClient) -> Figures:
    """Everybody asks for one model that is neither in memory nor on disk. A full cache loses a model for each load."""
    before = _evictions(ondemand)
    began = time.perf_counter()
    await asyncio.gather(*(client.answer(_parameters(MODELS)) for _ in range(HERD)))
    return {"herd_s": time.perf_counter() - began, "herd_loads": float(_evictions(ondemand) - before)}


async def _side_by_side(client: ApiClient) -> Figures:
    """One new model after the other, and as many at once."""
    new = [_parameters(MODELS + 1 + number) for number in range(2 * SIDE_BY_SIDE)]
    one_by_one = [await client.seconds(each) for each in new[:SIDE_BY_SIDE]]
    began = time.perf_counter()
    await asyncio.gather(*(client.answer(each) for each in new[SIDE_BY_SIDE:]))
    at_once = time.perf_counter() - began
    return {"loads_one_by_one_s": sum(one_by_one), "loads_at_once_s": at_once}


def _evictions(ondemand: Ondemand) -> int:
    return ondemand.stack.log_of("run-model").read_text(errors="replace").count(EVICTED)


def _lookups(tracking_uri: str) -> Figures:
    """Milliseconds to find a model among few and among many, by its tag and, untagged, by its run's parameters."""
    entry = load_catalog(catalog_path()).models[MODEL_TYPE]
    figures: Figures = {}
    for size, experiment in EXPERIMENTS.items():
        experiment_entry, tagged = entry.model_copy(update={"experiment": experiment}), int(size) - UNTAGGED
        _lookup_ms(tracking_uri, experiment_entry, [0])  # opens the connection
        by_tag = [number * tagged // 30 for number in range(30)]
        figures[f"lookup_by_tag_{size}_ms"] = _lookup_ms(tracking_uri, experiment_entry, by_tag)
        by_parameters = range(tagged, int(size))
        figures[f"lookup_by_parameters_{size}_ms"] = _lookup_ms(tracking_uri, experiment_entry, by_parameters)
    for way in ("by_tag", "by_parameters"):
        few, many = (figures[f"lookup_{way}_{size}_ms"] for size in EXPERIMENTS)
        figures[f"lookup_{way}_20000_to_10"] = many / few
    return figures


def _lookup_ms(tracking_uri: str, entry: ModelType, numbers: Sequence[int]) -> float:
    lookup = Lookup(lambda: mlflow_client(tracking_uri))
    taken = []
    for number in numbers:
        parameters = _parameters(number)
        key = training_key(MODEL_TYPE, parameters)
        began = time.perf_counter()
        found = lookup.find(entry, parameters, key)
        taken.append(time.perf_counter() - began)
        if not isinstance(found, Found):
            raise RuntimeError(f"model {number} of {entry.experiment} was not found")
    return median(taken) * 1000


if __name__ == "__main__":
    run_scenario("many_models", measure)
