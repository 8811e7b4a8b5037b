"""From nothing to the first answer: each function's process, and a model that the process has never seen."""

import asyncio
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import psutil

from benchmarks.harness.records import Figures
from benchmarks.harness.wine import MODEL_TYPE, PARAMETERS
from benchmarks.own.api_client import ApiClient
from benchmarks.own.cli import run_scenario
from benchmarks.own.seed_models import add_copies, parameters_of
from benchmarks.serving.contenders.ondemand import Ondemand
from benchmarks.serving.workspace import copy_of_stack, wine_experiment

STARTS = 3
NEW_MODELS = 7
POLL_S = 0.005
DATABRICKS = {"Authorization": "Bearer local"}


async def measure() -> Figures:
    """Seconds from the start of a process to readiness and to its first answer, its memory then; new models."""
    folder = copy_of_stack("cold")
    add_copies(folder / "mlflow" / "mlflow.db", MODEL_TYPE, wine_experiment(), count=NEW_MODELS, tagged=NEW_MODELS)
    ondemand = Ondemand(folder)
    async with ondemand, ApiClient(ondemand) as client:
        await client.answer()
        figures = await _new_models(ondemand, client)
        for name in ("predict", "run-model", "train"):
            figures |= await _starts(ondemand, client, name)
    return figures


async def _starts(ondemand: Ondemand, client: ApiClient, name: str) -> Figures:
    ready, first, memory = [], [], []
    for number in range(STARTS):
        ready.append(await _until_ready(ondemand, client, name))
        first.append(await _until_first_answer(ondemand, client, name, number))
        memory.append(psutil.Process(ondemand.pids[name]).memory_info().rss / 1e6)
    return {
        f"{name}_ready_s": median(ready),
        f"{name}_first_answer_s": median(first),
        f"{name}_resident_mb": median(memory),
    }


async def _until_ready(ondemand: Ondemand, client: ApiClient, name: str) -> float:
    await ondemand.stack.stop_part(name)
    began = time.perf_counter()
    await ondemand.stack.parts[name].start()
    while not await client.is_ready(ondemand.stack.url_of(name)):  # noqa: ASYNC110  # nobody would set an event
        await asyncio.sleep(POLL_S)
    return time.perf_counter() - began


async def _until_first_answer(ondemand: Ondemand, client: ApiClient, name: str, number: int) -> float:
    """Nobody waits for readiness: the request is there before the process."""
    await ondemand.stack.stop_part(name)
    first_answer = {"predict": _prediction, "run-model": _prediction, "train": _training}[name]
    began = time.perf_counter()
    starting = asyncio.create_task(ondemand.stack.parts[name].start())
    answered = await first_answer(ondemand, client, number)
    await starting
    return answered - began


async def _prediction(_: Ondemand, client: ApiClient, number: int) -> float:
    while True:
        try:
            await client.answer()
        except httpx.ConnectError:
            await asyncio.sleep(POLL_S)  # its process does not listen yet
        else:
            return time.perf_counter()


async def _training(ondemand: Ondemand, client: ApiClient, number: int) -> float:
    """When the Databricks run of a model that nobody has trained exists."""
    asked = asyncio.create_task(client.answer({"alpha": round(0.9 + number / 1000, 3), "l1_ratio": 0.5}))
    url = f"{ondemand.stack.addresses.databricks}/api/2.2/jobs/runs/list"
    async with httpx.AsyncClient(trust_env=False, headers=DATABRICKS) as databricks:
        while len((await databricks.get(url)).raise_for_status().json().get("runs", [])) <= number:  # noqa: ASYNC110  # as above
            await asyncio.sleep(POLL_S)
        started = time.perf_counter()
    await asked
    return started


async def _new_models(ondemand: Ondemand, client: ApiClient) -> Figures:
    """The first prediction of models that are trained but neither in memory nor on disk."""
    warm = median([await client.seconds() for _ in range(50)])
    l1_ratio = PARAMETERS["l1_ratio"]
    answers, seconds = [], []
    for number in range(NEW_MODELS):
        began = time.perf_counter()
        answers.append(await client.answer(parameters_of(number, l1_ratio)))
        seconds.append(time.perf_counter() - began)
    uris = [str(answer["model"]["uri"]) for answer in answers]
    download = await asyncio.to_thread(_median_download, uris, ondemand.stack.addresses.mlflow)
    first = median(seconds)
    return {
        "warm_answer_ms": warm * 1000,
        "new_model_answer_ms": first * 1000,
        "download_ms": download * 1000,
        "new_model_beyond_download_ms": (first - download) * 1000,
    }


def _median_download(uris: list[str], tracking_uri: str) -> float:
    """Seconds that MLflow's own client takes for one of these models."""
    import mlflow
    from mlflow.artifacts import download_artifacts

    taken = []
    mlflow.set_tracking_uri(tracking_uri)
    try:
        with TemporaryDirectory() as folder:
            for number, uri in enumerate(uris):
                began = time.perf_counter()
                download_artifacts(artifact_uri=uri, dst_path=str(Path(folder) / str(number)))
                taken.append(time.perf_counter() - began)
    finally:
        mlflow.set_tracking_uri("")
    return median(taken[1:])  # the first one imports


if __name__ == "__main__":
    run_scenario("cold", measure)
