"""The rows that are asked for, and the model that all contenders serve."""

import json
import random
from dataclasses import dataclass

from ondemand.project import SAMPLE_REQUEST

WINE_REQUEST = json.loads(SAMPLE_REQUEST.read_text(encoding="utf-8"))
MODEL_TYPE = "wine"
PARAMETERS = {"alpha": 0.36, "l1_ratio": 0.33}
COLUMNS = (
    "fixed_acidity", "volatile_acidity", "citric_acid", "residual_sugar", "chlorides", "free_sulfur_dioxide",
    "total_sulfur_dioxide", "density", "pH", "sulphates", "alcohol",
)  # fmt: skip
"""In the order of the model's signature."""


@dataclass(frozen=True)
class Rows:
    """What one request asks for: one list of values a row, in the order of COLUMNS."""

    data: list[list[float]]

    @property
    def split(self) -> dict[str, object]:
        """As pandas' split orientation, which every contender takes."""
        return {"columns": list(COLUMNS), "data": self.data}

    @property
    def records(self) -> list[dict[str, float]]:
        return [dict(zip(COLUMNS, row, strict=True)) for row in self.data]


def draw_rows(count: int, seed: int) -> Rows:
    """Rows like the one in the API's documentation, each value up to a tenth away from it."""
    generator = random.Random(seed)  # noqa: S311  # it draws wines, not secrets
    example = [float(WINE_REQUEST["predictionParameters"][column]) for column in COLUMNS]
    return Rows([[round(value * generator.uniform(0.9, 1.1), 5) for value in example] for _ in range(count)])
