"""The process that executes one notebook: started by the server, ends with it."""

import json
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from ondemand.databricks.notebook.execution import NotebookExecution
from ondemand.databricks.workspace import Workspace

MAX_RESULT = 5 * 1024 * 1024
MAX_ERROR = 10_000
MAX_TRACE = 100_000


@dataclass(frozen=True)
class Assignment:
    """The assignment of a notebook's process."""

    notebook_path: str
    parameters: dict[str, str]
    workspace: Workspace
    dbfs: Path
    report: Path


@dataclass(frozen=True)
class Report:
    """How the notebook ended; sizes are bounded. ``error`` is ``None`` exactly when it succeeded."""

    result: str | None = None
    truncated: bool = False
    error: str | None = None
    error_trace: str | None = None


def main(assignment: Assignment, output: Connection) -> None:
    """Execute the notebook, its standard streams going to ``output``, and leave a report in a file."""
    _detach(output)
    threading.Thread(target=_end_with_server, name="end-with-server", daemon=True).start()
    _reseed()
    report = _execute(assignment)
    aside = assignment.report.with_suffix(".part")
    aside.write_text(json.dumps(asdict(report)), encoding="utf-8")
    aside.replace(assignment.report)
    if report.error_trace:
        print(report.error_trace, file=sys.stderr)


def _detach(output: Connection) -> None:
    # A group of its own, so that whatever the notebook starts ends with it.
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    output.close()
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # for the process's life
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # for the process's life


def _end_with_server() -> None:
    server = multiprocessing.parent_process()
    if server is not None:
        server.join()
        kill_group(os.getpid())


def kill_group(leader: int) -> None:
    """Kill the processes that a notebook left behind in its group."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(leader, signal.SIGKILL)
        except ProcessLookupError:
            return
    elif leader == os.getpid():
        os._exit(1)


def _reseed() -> None:
    # Forks of one process share NumPy's global random state; Python reseeds its own.
    if "numpy" in sys.modules:
        import numpy

        numpy.random.seed()


def _execute(assignment: Assignment) -> Report:
    execution = NotebookExecution(assignment.workspace, assignment.parameters, assignment.dbfs)
    try:
        result = execution.run(assignment.notebook_path)
    except KeyboardInterrupt:
        return Report(error="Cancelled")
    except SystemExit as leaving:
        return Report(error=f"SystemExit: {leaving.code}")
    except Exception as error:  # noqa: BLE001  # a notebook may raise anything, and its exception is reported
        return _failure(error)
    text = result or ""
    return Report(result=_encodable(text[:MAX_RESULT]), truncated=len(text) > MAX_RESULT)


def _failure(error: Exception) -> Report:
    summary = "".join(traceback.format_exception_only(error)).strip()
    trace = "".join(traceback.format_exception(type(error), error, _below_this_package(error.__traceback__)))
    return Report(error=_encodable(summary[:MAX_ERROR]), error_trace=_encodable(trace[-MAX_TRACE:]))


def _encodable(text: str) -> str:
    """The text without lone surrogates, which JSON cannot carry."""
    return text.encode(errors="replace").decode()


def _below_this_package(trace: TracebackType | None) -> TracebackType | None:
    """The frames of the notebook, without those of this package."""
    here = str(Path(__file__).parent)
    current = trace
    while current is not None and current.tb_frame.f_code.co_filename.startswith(here):
        current = current.tb_next
    return current or trace
