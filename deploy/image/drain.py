#!/usr/bin/env -S python3 -I
"""Drain the Functions host of this container: it takes no further work, and this ends once nothing is under way.

For ``preStop`` and for ``start.sh``; draining twice does no harm. There is no time limit of its own: what ends the wait
is ``terminationGracePeriodSeconds`` (or ``docker stop --time``). Exits 1 if the host cannot be asked.
"""

import json
import os
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

KEY = "/run/secrets/functions-keys/host.master"
"""Where the host itself looks for its master key with ``AzureWebJobsSecretStorageType=kubernetes``."""
POLL_S = 0.5
CALL_TIMEOUT_S = 30


def main() -> int:
    try:
        key = Path(os.environ.get("HOST_MASTER_KEY_FILE", KEY)).read_text(encoding="utf-8").strip()
        _call("POST", "/admin/host/drain", key)
        while (state := json.loads(_call("GET", "/admin/host/drain/status", key))["state"]) != "Completed":
            print(f"draining: {state}", flush=True)
            time.sleep(POLL_S)  # the host tells nobody when it is drained
    except (OSError, HTTPException, ValueError, KeyError) as error:
        print(f"cannot drain the host: {error}", file=sys.stderr)
        return 1
    print("drained", flush=True)
    return 0


def _call(method: str, path: str, key: str) -> bytes:
    """The body of the host's answer. Raises OSError for one that is not 2xx."""
    port = os.environ.get("ASPNETCORE_URLS", "http://+:8080").rpartition(":")[2].strip("/")
    connection = HTTPConnection("127.0.0.1", int(port), timeout=CALL_TIMEOUT_S)
    try:
        connection.request(method, path, headers={"x-functions-key": key, "Content-Length": "0"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status >= 300:
        raise OSError(f"{method} {path}: {response.status} {response.reason}")
    return body


if __name__ == "__main__":
    sys.exit(main())
