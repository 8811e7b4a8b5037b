"""How a hint names the command, so that it can be pasted."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ondemand.cli import app
from ondemand.command import own_command

HERE = Path(sys.executable).parent


def test_name_is_enough_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ondemand").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command(tmp_path) == "ondemand"


def test_elsewhere_it_is_the_path_from_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_command(HERE.parent) == f"{HERE.name}/ondemand"
    assert own_command(tmp_path) == f"{HERE}/ondemand"


def test_init_names_a_command_that_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = CliRunner().invoke(app, ["init", str(tmp_path / "new")]).output
    assert f"cd {tmp_path}/new && {HERE}/ondemand demo" in said
