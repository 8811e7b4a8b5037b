"""How the process tells its supervisor that it serves, and how it ends together with it."""

import json
import os
import signal
import sys
import threading


def announce_ready(**addresses: str) -> None:
    """Print ``ready {"connection_string": …}``, the one line of standard output; logs go to standard error."""
    print("ready", json.dumps(addresses), flush=True)


def end_with_parent() -> None:
    """Send this process SIGTERM once its standard input closes.

    The supervisor holds the other end of that pipe and never writes to it. Even if it dies by SIGKILL, the pipe closes,
    on every platform.
    """
    threading.Thread(target=_wait_for_eof, name="end-with-parent", daemon=True).start()


def _wait_for_eof() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
