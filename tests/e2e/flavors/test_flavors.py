"""Eight clients with different rows at once, for each served flavour: every answer is the model's own."""

import asyncio
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import pytest

from functions.catalog import load_catalog
from tests.e2e.client import PATIENCE_S, Client
from tests.e2e.flavors.rows import ROWS, differences, json_value, sent

pytestmark = pytest.mark.asyncio(loop_scope="session")
HERE = Path(__file__).parent
CLIENTS, ROUNDS = 8, 5
NO_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="`make pytorch` runs it, in .venv/pytorch")
MODEL_TYPES = [pytest.param(name, marks=NO_TORCH if name.startswith("pytorch") else ()) for name in ROWS]


@pytest.mark.parametrize("model_type", MODEL_TYPES)
async def test_eight_clients_at_once_get_the_models_own_answers(client: Client, model_type: str) -> None:
    model = await trained(client, model_type)
    for number in range(ROUNDS):
        requests = different_rows(model_type, number)
        responses = await ask(client, model_type, [sent(rows, form) for form, rows in enumerate(requests)])
        assert_own_answers(model, requests, responses)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
async def test_wrong_row_of_one_client_is_refused_to_it_alone(client: Client, model_type: str) -> None:
    model = await trained(client, model_type)
    for wrong in range(3):  # each of the forms
        requests = different_rows(model_type, ROUNDS + wrong)
        bodies = [sent(rows, form, wrong=form == wrong) for form, rows in enumerate(requests)]
        responses = await ask(client, model_type, bodies)
        refused = responses.pop(wrong)
        assert refused.status_code == 422, refused.text
        del requests[wrong]
        assert_own_answers(model, requests, responses)


async def test_every_model_of_the_catalog_is_asked() -> None:
    assert set(ROWS) == set(load_catalog(HERE / "models.yaml").models)


async def trained(client: Client, model_type: str) -> Any:
    """The model as MLflow loads it, without any of our code; trained now if there is none."""
    [response] = await ask(client, model_type, [sent(different_rows(model_type, 0)[0], 0)])
    assert response.status_code == 200, response.json()
    mlflow.set_tracking_uri(client.addresses.mlflow)
    with warnings.catch_warnings(action="ignore"):  # the libraries' own, on being imported
        return mlflow.pyfunc.load_model(response.json()["model"]["uri"])


def different_rows(model_type: str, number: int) -> list[Any]:
    """Different ones for each client: a row each in the even rounds, one to three in the others."""
    random = np.random.default_rng([number, *model_type.encode()])
    return [ROWS[model_type](random, 1 + client % 3 * (number % 2)) for client in range(CLIENTS)]


async def ask(client: Client, model_type: str, bodies: Sequence[Any]) -> list[httpx.Response]:
    documents = [{"modelType": model_type, "modelParameters": {}, "predictionParameters": body} for body in bodies]
    return await asyncio.gather(*(client.predict(document, wait=PATIENCE_S) for document in documents))


def assert_own_answers(model: Any, requests: Sequence[Any], responses: Sequence[httpx.Response]) -> None:
    for rows, response in zip(requests, responses, strict=True):
        assert response.status_code == 200, response.json()
        with warnings.catch_warnings(action="ignore"):  # the libraries' own, on predicting
            own = json_value(model.predict(rows))
        assert not differences(response.json()["result"], own), own
