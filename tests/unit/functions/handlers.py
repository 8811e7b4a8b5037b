"""The functions of a blueprint as the worker calls them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import azure.functions as func
from azure.functions.servicebus import ServiceBusMessage

NOBODY_LISTENS = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=key;SharedAccessKey=value;UseDevelopmentEmulator=true;"
"""The connection string of no broker."""
Handler = Callable[..., Awaitable[Any]]


class Message(ServiceBusMessage):
    """A message with a body, as the host hands it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get_body(self) -> bytes:
        return self._body

    @property
    def delivery_count(self) -> int:
        return 1

    @property
    def enqueued_time_utc(self) -> datetime | None:
        return None


def functions_of(blueprint: func.Blueprint) -> dict[str, Any]:
    """The indexed functions by name."""
    app = func.FunctionApp()
    app.register_functions(blueprint)
    return {str(each.get_function_name()): each for each in app.get_functions()}


def handlers_of(blueprint: func.Blueprint) -> dict[str, Handler]:
    """The user's function of each."""
    return {name: each.get_user_function() for name, each in functions_of(blueprint).items()}


def trigger_of(function: Any) -> dict[str, Any]:
    trigger: dict[str, Any] = function.get_trigger().get_dict_repr()
    return trigger
