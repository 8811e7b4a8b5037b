"""The library that the Python worker of Azure Functions runs from Python 3.13 on, in this process.

Written for azure-functions-runtime 1.3. What the worker around it does, but for gRPC, is done here: it starts the
threads, hands over the classes of the messages, and puts the script root on the path. The library keeps its state in
globals, so a process has one app.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import azure_functions_runtime as library

from ondemand.host.errors import HostError
from ondemand.host.worker import protos
from ondemand.host.worker.protos import (
    FunctionLoadRequest,
    FunctionLoadResponse,
    FunctionMetadataResponse,
    InvocationRequest,
    InvocationResponse,
    RpcFunctionMetadata,
    StatusResult,
    StreamingMessage,
    WorkerInitRequest,
    WorkerInitResponse,
)

VERSION = version("azure-functions-runtime")


class _Request:
    """A message as the worker passes it on."""

    __slots__ = ("properties", "request")

    def __init__(self, request: StreamingMessage) -> None:
        self.request = request
        self.properties = {"protos": protos, "host": "127.0.0.1"}


class RuntimeWorker:
    """Indexes and invokes as in Azure."""

    async def index(self, script_root: Path) -> Sequence[RpcFunctionMetadata]:
        sys.path.insert(0, str(script_root))
        library.start_threadpool_executor()
        begun: WorkerInitResponse = await library.worker_init_request(
            _Request(StreamingMessage(worker_init_request=WorkerInitRequest(str(script_root))))
        )
        _check(begun.result, script_root)
        listed: FunctionMetadataResponse = await library.functions_metadata_request(_Request(StreamingMessage()))
        functions = listed.function_metadata_results or ()
        for function in functions:
            await _load(function)
        return functions

    async def invoke(self, request: InvocationRequest) -> InvocationResponse:
        response: InvocationResponse = await library.invocation_request(
            _Request(StreamingMessage(invocation_request=request))
        )
        return response

    def close(self) -> None:
        if threads := library.get_threadpool_executor():
            threads.shutdown(wait=False, cancel_futures=True)


async def _load(function: RpcFunctionMetadata) -> None:
    request = FunctionLoadRequest(function.function_id, function)
    loaded: FunctionLoadResponse = await library.function_load_request(
        _Request(StreamingMessage(function_load_request=request))
    )
    _check(loaded.result, Path(function.name))


def _check(result: StatusResult, what: Path) -> None:
    if result.status != StatusResult.Success:
        raise HostError(f"{what}: {result.exception.message}\n{result.exception.stack_trace}")
