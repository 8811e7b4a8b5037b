"""Ask for a prediction and wait for it, also while the model is trained: ``python client.py URL REQUEST_FILE``."""

import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

WAIT_S = 60
"""How long the server may hold a request; the most that it accepts."""
ATTEMPTS = 5


class PredictionError(Exception):
    """The request was refused, or its operation failed."""


def predict(client: httpx.Client, request: dict[str, Any]) -> Any:
    """The result of *request*. Raises PredictionError, or httpx.HTTPError if the server cannot be reached."""
    operation = _send(client, request)
    while operation["status"] in {"pending", "running"}:
        print(operation["statusMessage"], file=sys.stderr)
        response = client.get(f"/predict/{operation['runId']}", headers={"Prefer": f"wait={WAIT_S}"})
        operation = response.raise_for_status().json()
    if operation["status"] != "completed":
        raise PredictionError(json.dumps(operation["error"], indent=2))
    return operation["result"]


def _send(client: httpx.Client, request: dict[str, Any]) -> dict[str, Any]:
    """Send the request; again, as the same operation, while the server is full or misses something it needs."""
    headers = {"Prefer": f"wait={WAIT_S}", "Idempotency-Key": str(uuid.uuid4())}
    for _ in range(ATTEMPTS):
        response = client.post("/predict", json=request, headers=headers)
        if response.status_code not in {429, 503}:
            break
        time.sleep(float(response.headers.get("Retry-After", 1)))
    operation: dict[str, Any] = response.json()
    return operation


def main() -> None:
    """Print the result of a request file as JSON, or exit with what is wrong with it."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    url, file = sys.argv[1:]
    try:
        with httpx.Client(base_url=url, timeout=WAIT_S + 10) as client:
            print(json.dumps(predict(client, json.loads(Path(file).read_text(encoding="utf-8")))))
    except (PredictionError, httpx.HTTPError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
