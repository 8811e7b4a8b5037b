"""The audit log."""

import asyncio
import json
import logging

import pytest

from functions.predict.audit import AuditLine


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "functions.audit")
    return caplog


def test_request_has_one_line_of_json(lines: pytest.LogCaptureFixture) -> None:
    with AuditLine("POST", "/predict") as line:
        line.caller, line.status, line.operation_id, line.model_type = "key:0123456789abcdef", 200, "a" * 32, "wine"
    (message,) = lines.messages
    document = json.loads(message)
    assert document.pop("ms") >= 0
    assert document == {
        "method": "POST",
        "route": "/predict",
        "caller": "key:0123456789abcdef",
        "operation_id": "a" * 32,
        "model_type": "wine",
        "status": 200,
    }


def test_line_cannot_be_forged(lines: pytest.LogCaptureFixture) -> None:
    with AuditLine("POST", '/x"\r\n{"caller":"key:forged"}\u2028') as line:
        line.caller = "a\nb"
    (message,) = lines.messages
    assert "\n" not in message
    assert "\r" not in message
    assert json.loads(message)["caller"] == "a\nb"


@pytest.mark.parametrize(("error", "status"), [(asyncio.CancelledError(), 499), (RuntimeError(), 500)])
def test_request_that_ends_early_has_a_line_too(
    lines: pytest.LogCaptureFixture, error: BaseException, status: int
) -> None:
    with pytest.raises(type(error)), AuditLine("POST", "/predict"):
        raise error
    assert [json.loads(message)["status"] for message in lines.messages] == [status]
