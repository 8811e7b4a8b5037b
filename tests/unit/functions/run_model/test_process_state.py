"""What code that runs during a load leaves behind."""

import gc
import locale
import logging
import logging.config
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from functions.run_model.process_state import ProcessState

OURS = logging.getLogger("functions.run_model.loader")
QUIET: dict[str, Any] = {"version": 1, "root": {"level": "ERROR", "handlers": []}}  # disables all loggers that exist
HABITS: dict[str, Callable[[], object]] = {
    "the working directory": lambda: os.chdir("/"),
    "the environment": lambda: os.environ.update(KEPT="other", https_proxy="http://elsewhere"),
    "loggers": lambda: logging.config.dictConfig(QUIET),
    "logging.disable": lambda: logging.disable(logging.CRITICAL),
    "the factory of log records": lambda: logging.setLogRecordFactory(lambda *_, **__: logging.makeLogRecord({})),
    "warnings": lambda: warnings.simplefilter("error"),
    "the standard streams": lambda: setattr(sys, "stdout", StringIO()),
    "the interpreter": gc.disable,
    "the default timeout of sockets": lambda: socket.setdefaulttimeout(0.001),
    "the locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
}


def state() -> Any:
    return (
        os.getcwd(),
        dict(os.environ),
        OURS.disabled,
        logging.root.level,
        list(logging.root.handlers),
        logging.root.manager.disable,
        logging.getLogRecordFactory(),
        list(warnings.filters),
        sys.stdout,
        gc.isenabled(),
        socket.getdefaulttimeout(),
        locale.setlocale(locale.LC_ALL),
    )


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KEPT", "value")
    monkeypatch.delenv("https_proxy", raising=False)
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    with warnings.catch_warnings():
        warnings.resetwarnings()  # among pytest's is one that makes them errors
        yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize("part", HABITS)
def test_habit_of_a_model_is_undone_and_told(part: str, caplog: pytest.LogCaptureFixture) -> None:
    before = state()
    with ProcessState().kept("models:/m-1", 30):
        HABITS[part]()
        assert state() != before
    assert state() == before
    assert f"loading models:/m-1 changed {part} of this process" in caplog.text


def test_what_libraries_do_at_import_stays(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OF_A_LIBRARY", raising=False)
    with ProcessState().kept("models:/m-1", 30):
        os.environ["OF_A_LIBRARY"] = "1"
        logging.getLogger("a.new.logger").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", "of a library")
    assert os.environ.pop("OF_A_LIBRARY") == "1"
    assert logging.getLogger("a.new.logger").level == logging.ERROR
    assert caplog.text == ""


def test_load_that_fails_is_undone_too(tmp_path: Path) -> None:
    before = os.getcwd()

    def load() -> None:
        with ProcessState().kept("models:/m-1", 30):
            os.chdir(tmp_path)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load()
    assert os.getcwd() == before


def test_load_that_was_given_up_puts_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ProcessState().kept("models:/m-1", -1):
        os.chdir("/")
    assert os.getcwd() == "/"


@pytest.mark.parametrize("part", [part for part in HABITS if part not in ("loggers", "warnings")])
def test_what_a_prediction_changes_for_a_moment_does_not_stay(part: str) -> None:
    """As redirect_stdout in another thread: it was put back after the load that began meanwhile, for good."""
    process_state, before = ProcessState(), state()
    with ExitStack() as prediction:
        prediction.enter_context(ProcessState().kept("what a prediction changes", 30))
        HABITS[part]()
        with process_state.kept("models:/m-1", 30):
            prediction.close()
    assert state() == before


def test_working_directory_that_the_model_has_removed(tmp_path: Path) -> None:
    before = os.getcwd()
    folder = tmp_path / "gone"
    folder.mkdir()
    with ProcessState().kept("models:/m-1", 30):
        os.chdir(folder)
        folder.rmdir()
    assert os.getcwd() == before


def test_part_that_cannot_be_put_back_keeps_neither_the_others_nor_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    os.chdir(folder)
    with ProcessState().kept("models:/m-1", 30):
        os.chdir(tmp_path)
        folder.rmdir()
        gc.disable()
    assert gc.isenabled()
    assert "the working directory of this process cannot be put back" in caplog.text
