#!/usr/bin/env -S python3 -I
"""Drain the Functions host of this container: it takes no further work, and this ends once nothing is under way.

For ``preStop`` and for ``start.sh``; draining twice does no harm. There is no time limit of its own: what ends the wait
is ``terminationGracePeriodSeconds`` (or ``docker stop --time``). Exits 1 if the host cannot be asked.
"""

import json
import os
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

KEY = Path("/run/secrets/functions-keys/host.master")
"""Where the host itself looks for its master key with ``AzureWebJobsSecretStorageType=kubernetes``."""
POLL_S = 0.5
CALL_TIMEOUT_S = 30

# A proxy of the cluster is none of this call's business.
_opener = build_opener(ProxyHandler({}))


def main() -> int:
    port = os.environ.get("ASPNETCORE_URLS", "http://+:8080").rpartition(":")[2].strip("/")
    host = f"http://127.0.0.1:{port}/admin/host/drain"
    try:
        key = Path(os.environ.get("HOST_MASTER_KEY_FILE", KEY)).read_text(encoding="utf-8").strip()
        _call(host, key, method="POST")
        while (state := json.loads(_call(f"{host}/status", key))["state"]) != "Completed":
            print(f"draining: {state}", flush=True)
            time.sleep(POLL_S)
    except (URLError, OSError, ValueError, KeyError) as error:
        print(f"cannot drain the host: {error}", file=sys.stderr)
        return 1
    print("drained", flush=True)
    return 0


def _call(url: str, key: str, method: str = "GET") -> bytes:
    request = Request(url, method=method, headers={"x-functions-key": key, "Content-Length": "0"})
    with _opener.open(request, timeout=CALL_TIMEOUT_S) as response:
        body: bytes = response.read()
        return body


if __name__ == "__main__":
    sys.exit(main())
