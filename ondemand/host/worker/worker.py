"""What the host asks of a worker."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ondemand.host.worker.protos import InvocationRequest, InvocationResponse, RpcFunctionMetadata


class Worker(Protocol):
    """Imports one function app and runs its functions."""

    async def index(self, script_root: Path) -> Sequence[RpcFunctionMetadata]:
        """Import the app of *script_root* and describe its functions; raises HostError for an app it refuses."""
        ...

    async def invoke(self, request: InvocationRequest) -> InvocationResponse:
        """Run a function. What it raises is in the response, but for what is no Exception, such as a cancellation."""
        ...

    def close(self) -> None:
        """Let go of the threads without waiting for them."""
        ...
