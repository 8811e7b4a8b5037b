"""The function of the train app."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import ValidationError

from functions.train import blueprint as module
from tests.unit.functions.handlers import NOBODY_LISTENS, Handler, Message, functions_of, handlers_of, trigger_of


@pytest_asyncio.fixture
async def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Handler]:
    monkeypatch.setenv("SERVICEBUS_CONNECTION", NOBODY_LISTENS)
    monkeypatch.setenv("OPERATIONS_URL", tmp_path.as_uri())
    module.app.cache_clear()
    yield handlers_of(module.blueprint)["train"]
    await module.app().bus.close()
    module.app.cache_clear()


def test_it_listens_to_its_queue() -> None:
    (function,) = functions_of(module.blueprint).values()
    assert trigger_of(function)["queueName"] == "train"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"kind":"RunModel"}', b'{"kind":"StartTraining"}'])
async def test_message_that_cannot_be_read_goes_back_to_the_queue(train: Handler, body: bytes) -> None:
    """Service Bus moves it to the dead letters, whose function tells the client."""
    with pytest.raises(ValidationError):
        await train(Message(body))
