"""``mlflow models serve``: MLflow's own scoring server, with one worker."""

from collections.abc import Sequence

import orjson

from benchmarks.harness.wine import Rows
from benchmarks.serving.contenders.peer import Peer


class MlflowServe(Peer):
    name = "mlflow models serve"
    environment = "mlflow"
    readiness = "/ping"

    @property
    def url(self) -> str:
        return f"{self.base_url}/invocations"

    def command(self, port: int) -> Sequence[str]:
        model = str(self._model)
        return ("mlflow", "models", "serve", "-m", model, "-p", str(port), "--env-manager", "local", "-w", "1")

    def body(self, rows: Rows) -> bytes:
        return orjson.dumps({"dataframe_split": rows.split})

    def predictions(self, body: bytes) -> list[float]:
        result: list[float] = orjson.loads(body)["predictions"]
        return result
