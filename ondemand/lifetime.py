"""How a part of the local stack says that it serves, and how it ends with the process that started it."""

import json
import os
import signal
import sys
import threading


def announce_ready(**addresses: str) -> None:
    """Print the one line of standard output a part ever prints: ``ready {"url": "http://127.0.0.1:1234"}``.

    Logs go to standard error, so the starter of the part can wait for this line.
    """
    print("ready", json.dumps(addresses), flush=True)


def end_with_parent() -> None:
    """Send this process SIGTERM once its standard input closes.

    The supervisor holds the other end of that pipe and never writes to it: when it dies, even by SIGKILL, the pipe
    closes and no orphan is left. It works on every platform, which PR_SET_PDEATHSIG does not.
    """
    threading.Thread(target=_wait_for_eof, name="end-with-parent", daemon=True).start()


def _wait_for_eof() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
