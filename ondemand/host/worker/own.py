"""A worker of the host's own, for interpreters that azure-functions-runtime does not support.

It gives functions what that library gives them (`tests/integration/ondemand/host/worker/test_workers.py` compares the
two), and checks less when it indexes: no annotations, no output bindings.
"""

import asyncio
import importlib
import inspect
import os
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from azure.functions import Function, FunctionRegister

from ondemand.host.errors import HostError
from ondemand.host.worker.context import InvocationContext
from ondemand.host.worker.own_values import decode, encode
from ondemand.host.worker.protos import (
    InvocationRequest,
    InvocationResponse,
    RpcException,
    RpcFunctionMetadata,
    StatusResult,
    TypedData,
)

SCRIPT_MODULE = "function_app"


@dataclass(frozen=True)
class _Loaded:
    """A function, the kind of each of its arguments, and of what it returns."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    directory: str
    arguments: dict[str, str]
    returns: str | None
    takes_context: bool


class OwnWorker:
    """Calls functions as the Python worker does: coroutines on the event loop, plain functions in threads."""

    def __init__(self) -> None:
        workers = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._threads = ThreadPoolExecutor(int(workers) if workers else None, thread_name_prefix="function")
        self._functions: dict[str, _Loaded] = {}

    async def index(self, script_root: Path) -> Sequence[RpcFunctionMetadata]:
        return [self._load(function) for function in _registered(script_root)]

    async def invoke(self, request: InvocationRequest) -> InvocationResponse:
        try:
            returned = await self._call(self._functions[request.function_id], request)
        except Exception as error:  # noqa: BLE001  # a function may raise anything
            return InvocationResponse(request.invocation_id, StatusResult(StatusResult.Failure, _told(error)))
        return InvocationResponse(request.invocation_id, StatusResult(StatusResult.Success), returned)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _load(self, function: Function) -> RpcFunctionMetadata:
        loaded = _loaded(function)
        function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, loaded.name))
        self._functions[function_id] = loaded
        return RpcFunctionMetadata(loaded.name, function_id, function.get_raw_bindings())

    async def _call(self, function: _Loaded, request: InvocationRequest) -> TypedData | None:
        arguments = {
            each.name: decode(function.arguments[each.name], each.data, request.trigger_metadata)
            for each in request.input_data
        }
        context = InvocationContext(function.name, function.directory, request)
        context.thread_local_storage.invocation_id = request.invocation_id
        if function.takes_context:
            arguments["context"] = context
        call = partial(function.call, **arguments)
        if function.is_async:
            result = await call()
        else:
            result = await asyncio.get_running_loop().run_in_executor(self._threads, _in_thread, context, call)
        if function.returns is not None:
            return encode(function.returns, result)
        if result is not None:
            raise RuntimeError(f"function {function.name!r} without a $return binding returned a value")
        return None


def _registered(script_root: Path) -> Iterable[Function]:
    sys.path.insert(0, str(script_root))
    module = importlib.import_module(SCRIPT_MODULE)
    apps = [value for value in vars(module).values() if isinstance(value, FunctionRegister)]
    if len(apps) != 1:
        raise HostError(f"{module.__file__}: exactly one top-level FunctionApp is needed, found {len(apps)}")
    functions: list[Function] = apps[0].get_functions()
    return functions


def _loaded(function: Function) -> _Loaded:
    call = function.get_user_function()
    kinds = {str(binding.name): str(binding.type) for binding in function.get_bindings()}
    returns = kinds.pop("$return", None)
    return _Loaded(
        str(function.get_function_name()),
        call,
        is_async=inspect.iscoroutinefunction(call),
        directory=str(Path(inspect.getfile(call)).parent),
        arguments=kinds,
        returns=returns,
        takes_context="context" in inspect.signature(call).parameters and "context" not in kinds,
    )


def _in_thread(context: InvocationContext, call: Callable[[], object]) -> object:
    context.thread_local_storage.invocation_id = context.invocation_id
    try:
        return call()
    finally:
        context.thread_local_storage.invocation_id = None


def _told(error: Exception) -> RpcException:
    try:
        message = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  # of its __str__
        message = "Unhandled exception in function. Could not serialize original exception message."
    return RpcException(message, "".join(traceback.format_exception(error)))
