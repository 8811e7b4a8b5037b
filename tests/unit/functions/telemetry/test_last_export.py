import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from functions.telemetry.last_export import LastExport

ROOT = Path(__file__).parents[4]


def test_calls_are_made_once_and_in_order() -> None:
    made: list[str] = []
    last = LastExport(lambda: made.append("traces"), lambda: made.append("metrics"))
    assert last.make(30)
    assert last.make(30)
    assert made == ["traces", "metrics"]


def test_call_that_hangs_is_not_waited_for() -> None:
    go = Event()
    last = LastExport(go.wait)
    assert not last.make(0.01)
    go.set()
    assert last.make(30)


def test_call_that_fails_does_not_stop_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise OSError("no collector")

    made: list[str] = []
    assert LastExport(fails, lambda: made.append("metrics")).make(30)
    assert made == ["metrics"]
    assert caplog.messages == ["the last traces or metrics are not sent"]


def test_calls_are_made_when_the_process_ends() -> None:
    code = "from functions.telemetry.last_export import LastExport; LastExport(lambda: print('made', flush=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "made\n"
