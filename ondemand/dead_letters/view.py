"""Dead letters for people, and as JSON."""

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC
from typing import Any

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from ondemand.dead_letters.letter import DeadLetter
from ondemand.dead_letters.replay import Replayed


def table(letters: Iterable[DeadLetter], caption: str | None = None) -> Table:
    table = Table(caption=caption)
    table.add_column("number", justify="right", no_wrap=True)
    table.add_column("failed (UTC)", min_width=10, overflow="fold")
    table.add_column("queue", no_wrap=True)
    table.add_column("reason", overflow="fold")
    table.add_column("attempts", justify="right", no_wrap=True)
    table.add_column("operation", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    for each in letters:
        attempts = "" if each.attempts is None else str(each.attempts)
        cells = (_failed(each), each.queue, each.reason, attempts, _operations(each), decimal(each.size))
        table.add_row(str(each.number), *(escape(_printable(cell)) for cell in cells))
    return table


def details(letter: DeadLetter, body: bytes) -> Table:
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in document(letter).items():
        if value not in ("", None, []):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            table.add_row(name, escape(_printable(text)))
    table.add_row("body", escape(_printable(_shown_body(body))))
    return table


def document(letter: DeadLetter, body: bytes | None = None) -> dict[str, Any]:
    """A body that is no text is base64."""
    fields = asdict(letter)
    failed = letter.failed.isoformat() if letter.failed else None
    shown: dict[str, Any] = {**fields, "operations": list(letter.operations), "failed": failed}
    if body is not None:
        try:
            shown["body"] = body.decode()
        except UnicodeDecodeError:
            shown["body_base64"] = base64.b64encode(body).decode()
    return shown


def replayed_line(result: Replayed) -> str:
    if result.refused is not None:
        return f"{result.number}: not sent, {_printable(result.refused)}"
    new = ", ".join(f"{old} is now {new}" for old, new in result.operations.items())
    return f"{result.number}: sent again" + (f"; operation {new}" if new else "")


def _failed(letter: DeadLetter) -> str:
    return f"{letter.failed.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if letter.failed else ""


def _operations(letter: DeadLetter) -> str:
    first, *others = letter.operations or ("",)
    return f"{first} and {len(others)} more" if others else first


def _shown_body(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode(errors="backslashreplace")


def _printable(text: str) -> str:
    """A terminal obeys control characters, and a message may come from anybody."""
    return "".join(each if each.isprintable() or each == "\n" else f"\\x{ord(each):02x}" for each in text)
