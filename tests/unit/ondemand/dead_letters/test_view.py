"""Dead letters as a terminal shows them."""

from datetime import UTC, datetime

import pytest
from rich.console import Console

from ondemand.dead_letters.letter import DeadLetter
from ondemand.dead_letters.view import table

LETTER = DeadLetter(
    number=1234,
    queue="run-model",
    reason="MaxDeliveryCountExceeded",
    description="ten times",
    attempts=10,
    operations=("0123456789abcdef" * 2, "f" * 32),
    enqueued="2026-01-01T12:00:00+00:00",
    failed=datetime(2026, 1, 1, 12, 0, 3, tzinfo=UTC),
    message_id="m-1",
    kept_id="run-model:1:1.0",
    content_type="application/json",
    subject="RunModel",
    trace="",
    size=1234,
    truncated_from=None,
)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_table_hides_nothing_in_a_narrow_terminal(width: int) -> None:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(table([LETTER]))
    rows = [[cell.strip() for cell in line.split("│")] for line in capture.get().splitlines() if "│" in line]
    columns = ["".join(cells).replace(" ", "") for cells in zip(*rows, strict=True)]
    assert columns[1:-1] == [
        "1234",
        "2026-01-0112:00:03",
        "run-model",
        "MaxDeliveryCountExceeded",
        "10",
        f"{LETTER.operations[0]}and1more",
        "1.2kB",
    ]
