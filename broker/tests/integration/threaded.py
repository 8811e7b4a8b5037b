"""The synchronous SDK behind the interface of the asynchronous one, so that one suite tests both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any

from azure.servicebus import AutoLockRenewer, ServiceBusClient
from azure.servicebus.aio import AutoLockRenewer as AioAutoLockRenewer

_MAKERS = {"get_queue_sender", "get_queue_receiver", "get_subscription_receiver"}


class Threaded:
    """A synchronous client, sender, receiver or session whose methods are awaited; each call runs in a thread."""

    def __init__(self, wrapped: object) -> None:
        self.wrapped = wrapped

    def __getattr__(self, name: str) -> Any:  # the SDK's own types are lost here, and are those of the aio client
        value = getattr(self.wrapped, name)
        if name in _MAKERS:
            return lambda *args, **kwargs: Threaded(value(*args, **kwargs))
        if name == "list_queue_sessions":
            return lambda *args, **kwargs: _read(value(*args, **kwargs))
        if name == "session":
            return Threaded(value)
        return _awaited(value) if callable(value) else value

    async def __aenter__(self) -> Threaded:
        await self.__getattr__("__enter__")()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.__getattr__("__exit__")(kind, error, at)


def _awaited(function: Callable[..., object]) -> Callable[..., Awaitable[object]]:
    async def call(*args: object, **kwargs: object) -> object:
        return await asyncio.to_thread(function, *args, **kwargs)

    return call


async def _read(pages: Iterable[str]) -> AsyncIterator[str]:
    for each in await asyncio.to_thread(list, pages):
        yield each


def threaded_client(connection_string: str, retry_total: int = 0) -> Threaded:
    """A synchronous client that does not retry, unless told otherwise."""
    return Threaded(ServiceBusClient.from_connection_string(connection_string, retry_total=retry_total))


class Renewer:
    """The AutoLockRenewer that fits a receiver."""

    def __init__(self) -> None:
        self._sync = AutoLockRenewer()
        self._aio = AioAutoLockRenewer()

    def register(self, receiver: Any, renewable: Any, max_lock_renewal_duration: float) -> None:
        """As the SDK's; ``receiver`` and ``renewable`` may be `Threaded`."""
        renewer: Any = self._sync if isinstance(receiver, Threaded) else self._aio
        renewer.register(_plain(receiver), _plain(renewable), max_lock_renewal_duration=max_lock_renewal_duration)

    async def close(self) -> None:
        """Stop renewing."""
        await asyncio.to_thread(self._sync.close)
        await self._aio.close()


def _plain(value: Any) -> Any:
    return value.wrapped if isinstance(value, Threaded) else value
