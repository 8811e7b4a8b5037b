"""Log files of the parts."""

from pathlib import Path

from ondemand.stack.logs import open_fresh, tail


def test_the_previous_log_is_kept_once(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "train.log"
    for text in ("first", "second", "third"):
        with open_fresh(log) as file:
            file.write(text.encode())
    assert log.read_text() == "third"
    assert (tmp_path / "logs" / "train.log.1").read_text() == "second"


def test_tail(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))
    assert tail(log, 2) == "line 19998\nline 19999"
    assert tail(tmp_path / "missing.log", 2) == ""
