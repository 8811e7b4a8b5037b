"""The audit log: one line for each request, as JSON.

Whatever stands in a line is of a closed set (methods, routes, names of callers, ids and types of the catalog), so no
client can forge a line or a part of one.
"""

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter
from typing import Self

import orjson

logger = logging.getLogger("functions.audit")
CLIENT_CLOSED_REQUEST, INTERNAL_ERROR = 499, 500


@dataclass(slots=True)
class AuditLine:
    """What is told of a request; the handler fills it in.

    A context: the line is logged when the request is done, also when its host cancels it (499) or a fault of ours
    ends it (500).
    """

    method: str
    route: str
    caller: str = ""
    operation_id: str | None = None
    model_type: str | None = None
    status: int = INTERNAL_ERROR
    began: float = 0.0

    def __enter__(self) -> Self:
        self.began = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            self.status = CLIENT_CLOSED_REQUEST
        if logger.isEnabledFor(logging.INFO):
            # Each request pays for this: `logger.info` takes twice as long, as it looks for the line that called it.
            logger.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 0, self._json(), (), None))

    def _json(self) -> str:
        return orjson.dumps(
            {
                "method": self.method,
                "route": self.route,
                "caller": self.caller,
                "operation_id": self.operation_id,
                "model_type": self.model_type,
                "status": self.status,
                "ms": round((perf_counter() - self.began) * 1000, 1),
            }
        ).decode()
