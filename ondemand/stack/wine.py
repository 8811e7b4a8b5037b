"""The request that the banner and the demo show."""

from typing import Any

WINE_REQUEST: dict[str, Any] = {
    "runId": None,
    "modelType": "WINE",
    "modelParameters": {"alpha": 0.36, "l1_ratio": "0.33"},
    "predictionParameters": {
        "alcohol": 12.8,
        "chlorides": 0.029,
        "citric_acid": 0.48,
        "density": 0.98,
        "fixed_acidity": 6.2,
        "free_sulfur_dioxide": 29,
        "pH": 3.33,
        "residual_sugar": 1.2,
        "sulphates": 0.39,
        "total_sulfur_dioxide": 75,
        "volatile_acidity": 0.66,
    },
}
