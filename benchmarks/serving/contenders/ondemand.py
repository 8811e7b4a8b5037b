"""Ours: HTTP, predict, bus, run_model, bus, HTTP, with every process of the local stack."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import orjson

from benchmarks.harness.wine import MODEL_TYPE, PARAMETERS, Rows
from benchmarks.serving.contenders.contender import Contender
from ondemand.stack import Stack
from ondemand.stack.addresses import EXTERNAL
from ondemand.stack.stack import PARTS


class Ondemand(Contender):
    """The stack of `make up` on free ports, or *only* some parts of it; *environ* adds settings."""

    name = "mlflow-ondemand"
    headers = MappingProxyType({"Prefer": "wait=60"})
    """The peers keep a client waiting too; with the default of 5 s an overload would be answered by 202."""

    def __init__(self, data: Path, environ: Mapping[str, str] | None = None, *, only: Iterable[str] = PARTS) -> None:
        not_from_outside = {*EXTERNAL.values(), "OPERATIONS_URL", "MODEL_CACHE_DIR"}
        inherited = {name: value for name, value in os.environ.items() if name not in not_from_outside}
        self.stack = Stack(data, free_ports=True, only=only, environ={**inherited, **(environ or {})})

    @property
    def url(self) -> str:
        return f"{self.stack.url}/predict"

    @property
    def pids(self) -> Mapping[str, int]:
        return {name: part.pid for name, part in self.stack.parts.items()}

    def body(self, rows: Rows) -> bytes:
        one = len(rows.data) == 1
        return orjson.dumps(
            {
                "runId": None,
                "modelType": MODEL_TYPE,
                "modelParameters": PARAMETERS,
                "predictionParameters": rows.records[0] if one else {"dataframe_split": rows.split},
            }
        )

    def predictions(self, body: bytes) -> list[float]:
        result: list[float] = orjson.loads(body)["result"]
        return result

    async def start(self) -> None:
        await self.stack.start()

    async def stop(self) -> None:
        await self.stack.stop()
