"""The audit log: one line for each request, as JSON.

Whatever stands in a line is of a closed set (methods, routes, names of callers, ids and types of the catalog), so no
client can forge a line or a part of one.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import orjson

logger = logging.getLogger("functions.audit")
CLIENT_CLOSED_REQUEST, INTERNAL_ERROR = 499, 500


@dataclass
class AuditLine:
    """What is told of a request; the handler fills it in."""

    method: str
    route: str
    caller: str = ""
    operation_id: str | None = None
    model_type: str | None = None
    status: int = INTERNAL_ERROR


@contextmanager
def audited(method: str, route: str) -> Iterator[AuditLine]:
    """Log a line when the request is done, also when its client has left (499) or a fault of ours ends it (500)."""
    line, began = AuditLine(method, route), perf_counter()
    try:
        yield line
    except asyncio.CancelledError:
        line.status = CLIENT_CLOSED_REQUEST
        raise
    finally:
        if logger.isEnabledFor(logging.INFO):
            milliseconds = round((perf_counter() - began) * 1000, 1)
            logger.info("%s", orjson.dumps(vars(line) | {"ms": milliseconds}).decode())
