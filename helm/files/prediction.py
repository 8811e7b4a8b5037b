"""`helm test`: ask for a prediction and wait for its outcome, as a client does.

Runs in predict's image, with the standard library only.
"""

import json
import os
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

RETRY_S = 5
_opener = build_opener(ProxyHandler({}))  # a proxy of the cluster is none of this call's business


def main() -> int:
    if os.environ["REQUEST"] == "{}":
        print("nothing to ask for: give test.request, or an example in the catalog")
        return 1
    deadline = time.monotonic() + float(os.environ["TIMEOUT_S"])
    operation = ask("/predict", deadline, os.environ["REQUEST"].encode())
    while operation["status"] not in ("completed", "error", "cancelled"):
        print(f"{operation['runId']}: {operation['status']} {operation['statusMessage'] or ''}", flush=True)
        if time.monotonic() > deadline:
            print("no outcome in time", flush=True)
            return 1
        operation = ask(f"/predict/{operation['runId']}", deadline)
    print(json.dumps(operation), flush=True)
    return 0 if operation["status"] == "completed" else 1


def ask(path: str, deadline: float, body: bytes | None = None) -> dict[str, str | None]:
    """The operation as predict answers. Asked again while predict cannot be reached, is full or starts."""
    headers = {"Content-Type": "application/json", "Prefer": "wait=30", "x-functions-key": os.environ["FUNCTION_KEY"]}
    if host := os.environ.get("HOST_HEADER"):
        headers["Host"] = host
    while True:
        try:
            request = Request(os.environ["ADDRESS"] + path, body, headers)  # noqa: S310  # the chart's own http address
            with _opener.open(request, timeout=60) as response:
                operation: dict[str, str | None] = json.load(response)
                return operation
        except HTTPError as error:
            answer = error.read().decode(errors="replace")
            if error.code not in (429, 502, 503, 504) or time.monotonic() > deadline:
                raise SystemExit(f"{error.code} {error.reason}: {answer}") from error
            print(f"{error.code} {error.reason}: {answer}", flush=True)
        except (URLError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"predict cannot be reached: {error}") from error
            print(f"predict cannot be reached yet: {error}", flush=True)
        time.sleep(RETRY_S)  # predict may be starting


if __name__ == "__main__":
    sys.exit(main())
