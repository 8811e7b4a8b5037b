"""The way from a request for an untrained model to its answer, beside a run of the notebook without it."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks.harness.records import Figures
from benchmarks.harness.wine import MODEL_TYPE
from benchmarks.own.api_client import ApiClient, body
from benchmarks.own.cli import run_scenario
from benchmarks.own.tapped import Traffic, tapped
from benchmarks.serving.contenders.ondemand import Ondemand
from benchmarks.serving.workspace import copy_of_stack
from functions.backoff import next_poll
from functions.catalog import load_catalog
from functions.settings import catalog_path

TRAININGS = 3
WAITERS = 1_000
SENDERS = 50
CALLS = 2
"""Status calls before the run goes on that they all wait for: with the second, all of them have polled once."""
POLL_S = 0.02
DATABRICKS = {"Authorization": "Bearer local"}


async def measure() -> Figures:
    """Seconds of ours, of a plain notebook run, and the difference; the Jobs API calls that 1,000 waiters cost."""
    async with tapped(copy_of_stack("training")) as (behind, ondemand, traffic), ApiClient(ondemand) as client:
        await client.answer()
        ours, notebook = [], []
        for number in range(TRAININGS):
            notebook.append(await _notebook_s(ondemand, _alpha(2 * number)))
            ours.append(await client.seconds({"alpha": _alpha(2 * number + 1), "l1_ratio": 0.5}))
        overheads = [one - other for one, other in zip(ours, notebook, strict=True)]
        figures = {"ours_s": median(ours), "notebook_s": median(notebook), "overhead_s": median(overheads)}
        databricks = psutil.Process(behind.pids["databricks"])
        return figures | await _waiters(ondemand, client, traffic, databricks)


def _alpha(number: int) -> float:
    """A value that nothing has been trained with."""
    return round(0.9 + number / 1000, 3)


async def _notebook_s(ondemand: Ondemand, alpha: float) -> float:
    """Submit the notebook as a user would and wait until its run has ended."""
    entry = load_catalog(catalog_path()).models[MODEL_TYPE]
    widgets = {"alpha": str(alpha), "l1_ratio": "0.5", "experiment": entry.experiment, "artifact_name": "plain"}
    task = {"task_key": "train", "notebook_task": {"notebook_path": entry.notebook, "base_parameters": widgets}}
    url = f"{ondemand.stack.addresses.databricks}/api/2.2/jobs/runs"
    async with httpx.AsyncClient(trust_env=False, headers=DATABRICKS) as client:
        began = time.perf_counter()
        submission = await client.post(f"{url}/submit", json={"run_name": "plain", "tasks": [task]})
        run = {"run_id": submission.raise_for_status().json()["run_id"]}
        while True:
            status: dict[str, Any] = (await client.get(f"{url}/get", params=run)).raise_for_status().json()["status"]
            if status["state"] == "TERMINATED":
                return time.perf_counter() - began
            await asyncio.sleep(POLL_S)  # the Jobs API is polled


async def _waiters(ondemand: Ondemand, client: ApiClient, traffic: Traffic, databricks: psutil.Process) -> Figures:
    """Many ask for one model while it is trained, and all get its answer. Its run is held up until they wait for it."""
    submissions, others = traffic.submissions, set(databricks.children(recursive=True))
    began = time.perf_counter()
    accepting = asyncio.create_task(_accepted(ondemand, {"alpha": _alpha(99), "l1_ratio": 0.5}))
    notebook: set[psutil.Process] = set()
    while not notebook and not accepting.done():
        await asyncio.sleep(POLL_S)  # nobody tells of another's children
        notebook = set(databricks.children(recursive=True)) - others
    for process in notebook:
        process.suspend()
    try:
        accepted = await accepting
        accepted_after = time.perf_counter() - began
        for run_id in accepted:
            started_at = await _started_at(client, run_id)
        waiting_from = time.perf_counter()
        while len(traffic.status_calls_since(waiting_from)) < CALLS:  # noqa: ASYNC110  # nobody would set an event
            await asyncio.sleep(POLL_S)
    finally:
        for process in notebook:
            process.resume()
    resumed = time.perf_counter()
    await client.outcomes(accepted)
    answered_after = time.perf_counter() - resumed
    now = time.time() - time.perf_counter()
    ages = [now + moment - started_at for moment in traffic.status_calls_since(waiting_from)]
    return {
        "waiters": float(len(accepted)),
        "waiters_accepted_s": accepted_after,
        "waiters_answered_s": answered_after,
        "waiters_submissions": float(traffic.submissions - submissions),
        "waiters_status_calls": float(len(ages)),
        "status_calls_a_poll": len(ages) / len(polls(ages)),
    }


def polls(ages: Sequence[float]) -> set[int]:
    """The polls, by number, at which a run of these ages in seconds was asked for."""
    return {next_poll(age)[0] for age in ages}


async def _started_at(client: ApiClient, run_id: str) -> float:
    """When the run began that this operation waits for, in seconds since the epoch; waits until it is told of one."""
    while True:
        training = (await client.operation(run_id))["training"]
        if training and training.get("startedAt"):
            return datetime.fromisoformat(training["startedAt"]).timestamp()
        await asyncio.sleep(POLL_S)  # a client of the API polls


async def _accepted(ondemand: Ondemand, parameters: dict[str, float]) -> list[str]:
    """The run ids of requests that wait for nothing."""
    headers = {"Content-Type": "application/json", "Prefer": "wait=0"}
    slots = asyncio.Semaphore(SENDERS)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

        async def send() -> str:
            async with slots:
                response = await client.post(ondemand.url, content=body(parameters), headers=headers)
            return str(response.raise_for_status().json()["runId"])

        return await asyncio.gather(*(send() for _ in range(WAITERS)))


if __name__ == "__main__":
    run_scenario("training", measure)
