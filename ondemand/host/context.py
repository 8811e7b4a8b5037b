"""The ``context`` argument of a function."""

import threading
import uuid
from pathlib import Path

import azure.functions as func
from azure.functions._abc import RetryContext, TraceContext  # neither is exported, though Context is made of them


class InvocationTrace(TraceContext):
    """W3C trace context of the trigger; empty strings where it had none."""

    def __init__(self, trace_parent: str = "", trace_state: str = "") -> None:
        self._trace_parent = trace_parent
        self._trace_state = trace_state

    @property
    def trace_parent(self) -> str:
        return self._trace_parent

    @property
    def trace_state(self) -> str:
        return self._trace_state

    @property
    def attributes(self) -> dict[str, str]:
        return {}


class InvocationContext(func.Context):
    """The function, the invocation and its trace, as the Python worker passes them."""

    _thread_local = threading.local

    def __init__(self, function_name: str, function_directory: Path, trace: InvocationTrace) -> None:
        self._invocation_id = str(uuid.uuid4())
        self._function_name = function_name
        self._function_directory = function_directory
        self._trace = trace

    @property
    def invocation_id(self) -> str:
        return self._invocation_id

    @property
    def function_name(self) -> str:
        return self._function_name

    @property
    def function_directory(self) -> str:
        return str(self._function_directory)

    @property
    def thread_local_storage(self) -> type[threading.local]:
        return self._thread_local

    @property
    def trace_context(self) -> InvocationTrace:
        return self._trace

    @property
    def retry_context(self) -> RetryContext:
        raise NotImplementedError("retry policies are not supported by the local host")
