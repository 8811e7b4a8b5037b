"""The log stays short however often one thing fails."""

import logging

import pytest

from ondemand.host.errors import FunctionError
from ondemand.host.failures import MAX_KINDS, Failures

logger = logging.getLogger("test")


def fail(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_trace_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    failures = Failures(lambda: now)
    for now in (0.0, 1.0, 59.0, 60.0, 61.0):
        failures.log(logger, f"at {now:.0f}", fail("no"))
    failures.log(logger, "of another type", KeyError("no"))
    traced = [record.exc_info is not None for record in caplog.records]
    assert traced == [True, False, False, True, False, True]
    assert caplog.messages[1] == "at 1: ValueError: no (trace above)"


def test_text_of_an_exception_is_one_bounded_line(caplog: pytest.LogCaptureFixture) -> None:
    Failures().log(logger, "it failed", fail("a\nforged line " + "x" * 10_000))
    assert caplog.messages[0].startswith("it failed: ValueError: a forged line xx")
    assert len(caplog.messages[0]) < 600


def test_kinds_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures(lambda: 0.0)
    for number in range(2 * MAX_KINDS):
        failures.log(logger, "it failed", type(f"Error{number}", (Exception,), {})())
    assert len(failures._told) <= MAX_KINDS


def told(text: str, line: int) -> FunctionError:
    """What a worker tells of an exception."""
    frames = f'  File "a.py", line 1, in outer\n    f()\n  File "b.py", line {line}, in inner\n'
    return FunctionError(text, f"Traceback (most recent call last):\n{frames}{text}\n")


def test_failures_that_a_worker_tells_are_of_a_kind_too(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures(lambda: 0.0)
    for error in (told("ValueError: 1", 7), told("ValueError: 2", 7), told("ValueError: 3", 8), told("KeyError: 4", 7)):
        failures.log(logger, "it failed", error)
    assert [record.exc_info is not None for record in caplog.records] == [True, False, True, True]
    assert caplog.messages[1] == "it failed: ValueError: 2 (trace above)"
    assert 'File "b.py", line 7, in inner' in caplog.text
