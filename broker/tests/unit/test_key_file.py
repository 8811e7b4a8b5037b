"""The key of a data folder."""

from pathlib import Path

from servicebus_broker.key_file import key_in, new_key


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = key_in(folder)
    assert len(key) >= 32
    assert key_in(folder) == key
    assert (folder.stat().st_mode & 0o777, (folder / "key").stat().st_mode & 0o777) == (0o700, 0o600)
    assert [each.name for each in folder.iterdir()] == ["key"]


def test_every_key_differs_and_needs_no_quoting() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert not any(set(key) & set(";=&\n ") for key in keys)
