"""MLServer with its MLflow runtime, plain and with adaptive batching."""

import json
from collections.abc import Sequence

import orjson

from benchmarks.harness.wine import COLUMNS, Rows
from benchmarks.serving.contenders.peer import Peer
from ondemand.stack.addresses import usable_port

MODEL = "wine"


class _Mlserver(Peer):
    environment = "mlserver"
    readiness = f"/v2/models/{MODEL}/ready"

    @property
    def batching(self) -> dict[str, object]:
        return {}

    def command(self, port: int) -> Sequence[str]:
        settings = {
            "http_port": port,
            "grpc_port": usable_port(0),
            "metrics_port": usable_port(0),
            "parallel_workers": 0,  # inference in the server's own process: the fastest for a small model
            "debug": False,
        }
        model = {
            "name": MODEL,
            "implementation": "mlserver_mlflow.MLflowRuntime",
            "parameters": {"uri": str(self._model)},
            **self.batching,
        }
        (self.folder / "settings.json").write_text(json.dumps(settings))
        (self.folder / "model-settings.json").write_text(json.dumps(model))
        return ("mlserver", "start", str(self.folder))


class MlserverPlain(_Mlserver):
    """Asked by MLflow's protocol, which is faster here than the one of MLServer."""

    name = "MLServer"

    @property
    def url(self) -> str:
        return f"{self.base_url}/invocations"

    def body(self, rows: Rows) -> bytes:
        return orjson.dumps({"dataframe_split": rows.split})

    def predictions(self, body: bytes) -> list[float]:
        result: list[float] = orjson.loads(body)["predictions"]
        return result


class MlserverBatching(_Mlserver):
    """Asked by the Open Inference Protocol: only its requests are batched."""

    name = "MLServer, adaptive batching"

    @property
    def batching(self) -> dict[str, object]:
        return {"max_batch_size": 64, "max_batch_time": 0.005}

    @property
    def url(self) -> str:
        return f"{self.base_url}/v2/models/{MODEL}/infer"

    def body(self, rows: Rows) -> bytes:
        inputs = [
            {"name": column, "shape": [len(values), 1], "datatype": "FP64", "data": values}
            for column, values in zip(COLUMNS, zip(*rows.data, strict=True), strict=True)
        ]
        return orjson.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs})

    def predictions(self, body: bytes) -> list[float]:
        result: list[float] = orjson.loads(body)["outputs"][0]["data"]
        return result
