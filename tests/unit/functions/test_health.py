"""Readiness asks the functions that this Deployment runs."""

import azure.functions as func
import orjson
import pytest

from functions import health
from functions.errors import Unavailable

REQUEST = func.HttpRequest("GET", "/health/ready", body=b"")


@pytest.fixture(autouse=True)
def openers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_openers", {})
    monkeypatch.setattr(health, "_lives", {})
    monkeypatch.delenv("AzureFunctionsJobHost__functions__0", raising=False)

    @health.opens("good")
    async def good() -> None:
        pass

    @health.opens("bad")
    async def bad() -> None:
        raise Unavailable("The bus is away.")


async def test_a_process_that_runs_is_live() -> None:
    response = await health.live(REQUEST)
    assert (response.status_code, response.get_body()) == (200, b'{"status":"live"}')


async def test_process_that_needs_a_restart_is_not_live(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble: list[str | None] = [None]
    health.lives("run_model")(lambda: trouble[0])
    assert (await health.live(REQUEST)).status_code == 200
    trouble[0] = "4 threads hang"
    response = await health.live(REQUEST)
    assert response.status_code == 503
    assert orjson.loads(response.get_body())["detail"] == "run_model: 4 threads hang"
    monkeypatch.setenv("AzureFunctionsJobHost__functions__0", "predict")
    assert (await health.live(REQUEST)).status_code == 200


async def test_trouble_is_named_with_its_function() -> None:
    response = await health.ready(REQUEST)
    assert (response.status_code, response.mimetype) == (503, "application/problem+json")
    problem = orjson.loads(response.get_body())
    assert (problem["status"], problem["detail"]) == (503, "bad: The bus is away.")


async def test_functions_of_other_deployments_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureFunctionsJobHost__functions__0", "good")
    response = await health.ready(REQUEST)
    assert (response.status_code, response.get_body()) == (200, b'{"status":"ready"}')


async def test_an_opener_that_takes_too_long_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureFunctionsJobHost__functions__0", "slow")
    monkeypatch.setattr(health, "OPEN_TIMEOUT_S", 0.0)

    @health.opens("slow")
    async def slow() -> None:
        import asyncio

        await asyncio.Event().wait()

    assert orjson.loads((await health.ready(REQUEST)).get_body())["detail"] == "slow: not ready within 0 s"
