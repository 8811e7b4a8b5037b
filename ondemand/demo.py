"""``ondemand demo``: ask for a prediction, watch the model being trained for it, ask again, check both answers."""

import asyncio
import logging
import math
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from ondemand.project import Project, ProjectError
from ondemand.stack import PartError, Stack
from ondemand.stack.addresses import EXTERNAL
from ondemand.stack.logs import tail

TRAINING_DEADLINE_S = 150.0
POLL_INTERVAL_S = 0.25
REFRESH_INTERVAL_S = 0.1
DATABRICKS = {"Authorization": "Bearer local"}
SCORING_BODIES = {"dataframe_split", "dataframe_records", "instances", "inputs"}
LOGS_SHOWN = ("predict", "run-model", "train", "databricks")

Request = dict[str, Any]
Operation = dict[str, Any]


class DemoError(Exception):
    """An answer is missing or wrong."""


class Story:
    """Tells what happens: a line for each step, and on a terminal the time that the current one takes."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status
        self._began = time.monotonic()
        self._current = "starting the stack"
        self._current_since = self._began

    def step(self, text: str) -> None:
        """Report an event."""
        elapsed = time.monotonic() - self._began
        self._console.print(f"[green]{elapsed:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    def now(self, text: str) -> None:
        """Name the current activity; its time counts from the first call with this text."""
        if text != self._current:
            self._current, self._current_since = text, time.monotonic()

    async def keep_time(self) -> None:
        """Show the elapsed time of the current activity, until cancelled."""
        while True:
            self._status.update(f"{self._current}  {time.monotonic() - self._current_since:.1f} s")
            await asyncio.sleep(REFRESH_INTERVAL_S)  # a clock's tick


def run(project: Project) -> int:
    """Run the demo; return 0 if both answers were right, 1 if not, 130 if it was interrupted.

    Raises ProjectError if the project has no request.
    """
    console = Console()
    request = project.read_request()
    rows = request.get("predictionParameters")
    if isinstance(rows, dict) and SCORING_BODIES & rows.keys():
        raise ProjectError(f"{project.request}: the demo takes one row or a list of rows, not an MLflow scoring body")
    try:
        return asyncio.run(_demo(project, request, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted")
        return 130


async def _demo(project: Project, request: Request, console: Console) -> int:
    this = asyncio.current_task()
    if this is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    environ = {name: value for name, value in os.environ.items() if name not in {*EXTERNAL.values(), "OPERATIONS_URL"}}
    environ["CATALOG_FILE"] = str(project.catalog)
    with (
        tempfile.TemporaryDirectory(prefix="mlflow-ondemand-", ignore_cleanup_errors=True) as folder,
        console.status("starting the stack") as status,
    ):
        story = Story(console, status)
        stack = Stack(
            Path(folder),
            free_ports=True,
            environ=environ,
            workspaces=(project.workspace,),
            on_change=lambda part, state: story.step(f"{part:<10} {state}"),
        )
        try:
            async with _timed(story), stack:
                await _until_told(stack, request, story)
        except (DemoError, httpx.HTTPError) as error:
            _report(console, error, stack)
            return 1
        except PartError as error:
            console.print(f"[bold red]failed:[/] {escape(str(error))}", highlight=False)
            return 1
    console.print("[bold green]Both answers are right, and every process has ended.[/]")
    return 0


@asynccontextmanager
async def _timed(story: Story) -> AsyncIterator[None]:
    clock = asyncio.create_task(story.keep_time())
    try:
        yield
    finally:
        clock.cancel()
        with suppress(asyncio.CancelledError):  # by the line before
            await clock


async def _until_told(stack: Stack, request: Request, story: Story) -> None:
    telling = asyncio.create_task(_tell(stack, request, story))
    dying = asyncio.create_task(stack.died())
    try:
        await asyncio.wait({telling, dying}, return_when=asyncio.FIRST_COMPLETED)
        if dying.done():
            raise dying.result()
        await telling
    finally:
        telling.cancel()
        dying.cancel()


async def _tell(stack: Stack, request: Request, story: Story) -> None:
    async with (
        httpx.AsyncClient(base_url=stack.url, timeout=30, trust_env=False) as client,
        httpx.AsyncClient(base_url=stack.addresses.databricks, headers=DATABRICKS, trust_env=False) as databricks,
    ):
        asked = f"{request.get('modelType')} with {request.get('modelParameters')}"
        story.step(f"POST {stack.url}/predict: {escape(asked)}")
        first = await _ask_untrained(client, databricks, request, story)
        story.step(f"completed: [bold]{escape(str(first['result']))}[/] by {first['model']['uri']}")
        second = await _ask_again(client, request, story)
        story.now("asking the model itself")
        own = await asyncio.to_thread(_predict_directly, stack, first["model"]["uri"], request["predictionParameters"])
        _check(first, second, own)
        story.step(f"the same as {first['model']['uri']}, loaded from MLflow directly, says: {escape(str(own))}")
        story.now("stopping")


async def _ask_untrained(
    client: httpx.AsyncClient, databricks: httpx.AsyncClient, request: Request, story: Story
) -> Operation:
    response = await client.post("/predict", json=request)
    if response.status_code != 202:
        raise DemoError(f"the first request was answered {response.status_code}, not 202: {response.text}")
    operation: Operation = response.json()
    story.step(f"202 accepted, Location: {response.headers['location']}")
    deadline = time.monotonic() + TRAINING_DEADLINE_S
    told = ""
    while operation["status"] in {"pending", "running"}:
        if (described := await _describe(operation, databricks)) != told:
            story.step(described)
            told = described
        story.now(described)
        if time.monotonic() > deadline:
            raise DemoError(f"no result within {TRAINING_DEADLINE_S:.0f} s; the last state was: {operation}")
        await asyncio.sleep(POLL_INTERVAL_S)  # a client of the API polls
        operation = (await client.get(response.headers["location"])).raise_for_status().json()
    if operation["status"] != "completed":
        raise DemoError(f"the first request ended as: {operation}")
    return operation


async def _describe(operation: Operation, databricks: httpx.AsyncClient) -> str:
    training = operation["training"] or {}
    if not training.get("runId") or not operation["statusMessage"].startswith("training"):
        return str(operation["statusMessage"])
    # An operation learns the state of its run every few seconds; a demo wants to see it at once.
    run = await databricks.get("/api/2.2/jobs/runs/get", params={"run_id": training["runId"]})
    state = run.raise_for_status().json()["status"]["state"]
    return f"Databricks run {training['runId']} {state}  {training['url']}"


async def _ask_again(client: httpx.AsyncClient, request: Request, story: Story) -> Operation:
    began = time.perf_counter()
    response = await client.post("/predict", json=request)
    milliseconds = (time.perf_counter() - began) * 1000
    if response.status_code != 200:
        raise DemoError(f"the second request was answered {response.status_code}, not 200: {response.text}")
    operation: Operation = response.json()
    result = escape(str(operation["result"]))
    story.step(f"the same request again: 200, {result} in [bold]{milliseconds:.0f} ms[/], from the cache")
    return operation


def _predict_directly(stack: Stack, model_uri: str, plain: Any) -> Any:
    """The prediction of the model itself, without our code, as plain JSON values."""
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow
    import numpy as np
    import pandas as pd

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(stack.addresses.mlflow)
    model = mlflow.pyfunc.load_model(model_uri, dst_path=str(stack.data))
    rows = pd.DataFrame(plain if isinstance(plain, list) else [plain])
    schema = model.metadata.get_input_schema()
    if schema is not None and not schema.is_tensor_spec():  # MLflow takes no whole number for a double
        types = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
        rows = rows.astype({name: kind for name, kind in types.items() if name in rows})
    answer = model.predict(rows)
    return answer.to_dict("records") if isinstance(answer, pd.DataFrame) else np.asarray(answer).tolist()


def _check(first: Operation, second: Operation, own: Any) -> None:
    for name, answer in {"first answer": first["result"], "second answer": second["result"]}.items():
        if not _is_same(answer, own):
            raise DemoError(f"the {name} is {answer}, but the model itself says {own}")


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other)
    return bool(one == other)


def _report(console: Console, error: Exception, stack: Stack) -> None:
    console.print(f"[bold red]failed:[/] {escape(str(error) or repr(error))}", highlight=False)
    for part in LOGS_SHOWN:
        console.rule(f"end of the log of {part}")
        console.print(tail(stack.log_of(part), 15), markup=False, highlight=False, soft_wrap=True)
