"""A model that does what its row says. It is pickled by value, because the runner does not have this module."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

ANSWER, HANG, SLOW, GIANT = 0.0, 1.0, 2.0, 3.0
"""Values of the column ``act``."""
SLOW_S = 3.0


class ActingModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """``journal`` gets a line for each prediction."""

    def __init__(self, journal: str = "", answer: float = 0.0) -> None:
        self.journal = journal
        self.answer = answer

    def predict(self, rows: Any) -> Any:
        act = float(rows["act"].iloc[0])
        with Path(self.journal).open("a") as journal:
            journal.write(f"{act} {float(rows['tag'].iloc[0])}\n")
        if act == HANG:
            threading.Event().wait()
        if act == SLOW:
            time.sleep(SLOW_S)
        if act == GIANT:
            return np.array(["x" * 1000] * 1000 * int(rows["tag"].iloc[0]), dtype=object)
        return np.full(len(rows), self.answer) + rows["tag"].to_numpy()
