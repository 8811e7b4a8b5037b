"""The lines that the functions log, made from the messages in their code: what the queries of deploy/ search in."""

import ast
import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from functions.errors import OnDemandError
from functions.predict.audit import AuditLine

FUNCTIONS = Path(__file__).parents[2] / "functions"
DELIVERED = frozenset({"warning", "error", "exception"})
"""What reaches the host's log wherever it is logged; below that a thread or a background task is not heard."""
OPERATION = "0123456789abcdef" * 2
VALUES = {"operation %s": f"operation {OPERATION}", "%.0f": "4", "%d": "3", "%r": "'a'", "%s": "SomeError"}


@cache
def in_invocations() -> tuple[str, ...]:
    """One for each message of the code, each error that an operation may end in, and a request."""
    return (*(_filled(template) for template in _templates()), *_outcomes(), _audit_line())


@cache
def outside() -> tuple[str, ...]:
    """The messages of the code as threads and background tasks log them, through the worker's stderr."""
    return tuple(f"WARNING functions.some.module: {_filled(template)}" for template in _templates())


@cache
def of_handlers() -> tuple[str, ...]:
    """As `in_invocations`, with the messages at INFO, which arrive from handlers alone."""
    return (*in_invocations(), *(_filled(template) for template in _templates(frozenset({"info"}))))


def _templates(levels: frozenset[str] = DELIVERED) -> Iterator[str]:
    for path in sorted(FUNCTIONS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="logger"), attr=level), args=[ast.Constant(str(text)), *_]
                ) if level in levels:
                    yield text


def _filled(template: str) -> str:
    for name, value in VALUES.items():
        template = template.replace(name, value)
    return template


def _outcomes() -> Iterator[str]:
    """As `functions.replies` logs them, within an invocation."""
    assert '"operation %s: %s: %s", command.operation, error.slug,' in (FUNCTIONS / "replies.py").read_text()
    yield from (f"operation {OPERATION}: {kind.slug}: because" for kind in _errors(OnDemandError))


def _errors(kind: type[OnDemandError]) -> Iterator[type[OnDemandError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _errors(each)


def _audit_line() -> str:
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    logger, listener = logging.getLogger("functions.audit"), Listener()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    try:
        with AuditLine("POST", "/predict", "key:0", OPERATION, "wine") as line:
            line.status = 503
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
    (text,) = heard
    assert re.match("{.*}$", text)
    return text
