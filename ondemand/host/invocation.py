"""Calling a function through its worker."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from ondemand.host.errors import FunctionError
from ondemand.host.index import IndexedFunction
from ondemand.host.worker.protos import (
    InvocationRequest,
    ParameterBinding,
    RpcTraceContext,
    StatusResult,
    TypedData,
)
from ondemand.host.worker.worker import Worker


@dataclass(frozen=True)
class TriggerInput:
    """What a trigger brings: the value of its argument, what is known about it, and its trace."""

    data: TypedData
    trace: RpcTraceContext
    metadata: Mapping[str, TypedData] = field(default_factory=dict)


class Invoker:
    """Has a worker call functions."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def invoke(self, function: IndexedFunction, given: TriggerInput) -> TypedData | None:
        """Call *function* with its trigger and return its result. Raises FunctionError for what the function raised."""
        arguments = [ParameterBinding(function.argument, given.data)]
        request = InvocationRequest(str(uuid.uuid4()), function.function_id, arguments, given.metadata, given.trace)
        response = await self._worker.invoke(request)
        if response.result.status != StatusResult.Success:
            raise FunctionError(response.result.exception.message, response.result.exception.stack_trace)
        return response.return_value

    def close(self) -> None:
        self._worker.close()
