"""What every server under test has to offer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import ClassVar, Self

from benchmarks.harness.wine import Rows


class Contender(ABC):
    """A server of the wine model; an asynchronous context manager that starts and stops it."""

    name: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Of every request, beside those that HTTP and JSON ask for."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where predictions are posted."""

    @property
    @abstractmethod
    def pids(self) -> Mapping[str, int]:
        """The processes of the whole system by name, without their children."""

    @abstractmethod
    def body(self, rows: Rows) -> bytes:
        """The request for the predictions of *rows*, in the form that suits this server best."""

    @abstractmethod
    def predictions(self, body: bytes) -> list[float]:
        """The predictions in a response. Raises KeyError or ValueError if there are none."""

    @abstractmethod
    async def start(self) -> None:
        """Start it; returns once it is ready."""

    @abstractmethod
    async def stop(self) -> None:
        """End all its processes."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
