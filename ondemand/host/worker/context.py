"""The ``context`` argument of a function, where the host's own code invokes it."""

import threading

import azure.functions as func
from azure.functions._abc import RetryContext, TraceContext  # neither is exported, though Context is made of them

from ondemand.host.worker import protos

_thread_local = threading.local()


class _Trace(TraceContext):
    def __init__(self, trace: protos.RpcTraceContext) -> None:
        self._trace = trace

    @property
    def trace_parent(self) -> str:
        return self._trace.trace_parent

    @property
    def trace_state(self) -> str:
        return self._trace.trace_state

    @property
    def attributes(self) -> dict[str, str]:
        return self._trace.attributes


class InvocationContext(func.Context):
    """The function, the invocation and its trace, as the Python worker passes them."""

    def __init__(self, function_name: str, function_directory: str, request: protos.InvocationRequest) -> None:
        self._function_name = function_name
        self._function_directory = function_directory
        self._request = request

    @property
    def invocation_id(self) -> str:
        return self._request.invocation_id

    @property
    def function_name(self) -> str:
        return self._function_name

    @property
    def function_directory(self) -> str:
        return self._function_directory

    @property
    def thread_local_storage(self) -> threading.local:  # type: ignore[override]  # annotated as the class there
        return _thread_local

    @property
    def trace_context(self) -> TraceContext:
        return _Trace(self._request.trace_context)

    @property
    def retry_context(self) -> RetryContext:
        retry: RetryContext = self._request.retry_context  # type: ignore[assignment]  # the same by name
        return retry
