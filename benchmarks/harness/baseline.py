"""The model without any server: what is right, and the limit of what is possible."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import orjson

from benchmarks.harness.wine import Rows


class Baseline:
    """The artifact that all contenders serve, loaded in this process with ``mlflow.pyfunc``."""

    def __init__(self, folder: Path) -> None:
        import mlflow.pyfunc

        self.folder = folder
        self._model = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)

    def predictions(self, rows: Rows) -> list[float]:
        """What the model says of these rows."""
        return self._predict(orjson.dumps({"dataframe_split": rows.split}))

    def seconds(self, rows: Rows, repeat: int) -> float:
        """Median time of parsing a scoring body with MLflow's own parser, ``predict``, and writing the answer."""
        body = orjson.dumps({"dataframe_split": rows.split})
        return _median_seconds(lambda: self._predict(body), repeat)

    def predict_seconds(self, rows: Rows, repeat: int) -> float:
        """Median time of ``predict`` alone, on a frame that is there."""
        frame = self._frame(orjson.dumps({"dataframe_split": rows.split}))
        return _median_seconds(lambda: self._model.predict(frame), repeat)

    def _frame(self, body: bytes) -> object:
        from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

        schema = self._model.metadata.get_input_schema()
        # json, because MLflow's own server parses with it.
        return dataframe_from_parsed_json(json.loads(body)["dataframe_split"], "split", schema)

    def _predict(self, body: bytes) -> list[float]:
        result = self._model.predict(self._frame(body)).tolist()
        return list(map(float, orjson.loads(orjson.dumps(result))))


def _median_seconds(call: Callable[[], object], repeat: int) -> float:
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return median(taken)
