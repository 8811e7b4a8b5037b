"""Splitting cells into Python and magic commands."""

import ast

import pytest

from ondemand.databricks.notebook.magics import PYTHON, Step, split_cell


@pytest.mark.parametrize(
    ("cell", "steps"),
    [
        ("", []),
        ("  \n\n", []),
        ("x = 1", [Step(PYTHON, "x = 1")]),
        ("%md # Title\ntext", [Step("md", "# Title\ntext")]),
        ("\n%md\ntext", [Step("md", "text")]),
        ("%sql\nSELECT 1", [Step("sql", "SELECT 1")]),
        ("%%sh\nls", [Step("sh", "ls")]),
        ("%%unheard-of\nanything", [Step("unheard-of", "anything")]),
        ("%run ./setup", [Step("run", "./setup")]),
        ("%fs ls /", [Step("fs", "ls /")]),
        ("!ls", [Step("sh", "ls")]),
        ("%python\nx = 1", [Step(PYTHON, "\nx = 1")]),
        ("%pip install a\n%pip install b", [Step("pip", "install a"), Step("pip", "install b")]),
        ("# comment\n%pip install a\nx = 1", [Step("pip", "install a"), Step(PYTHON, "\n\nx = 1")]),
    ],
)
def test_cells(cell: str, steps: list[Step]) -> None:
    assert [step for step in split_cell(cell) if step.text.strip() != "# comment"] == steps


def test_a_percent_sign_inside_brackets_is_python() -> None:
    cell = "x = (10\n% 3)"
    assert split_cell(cell) == [Step(PYTHON, cell)]


def test_python_keeps_its_line_numbers() -> None:
    cell = "a = 1\n%pip install x\nb = 2\n%pip install y\nc = 3"
    python = [step.text for step in split_cell(cell) if step.magic == PYTHON]
    assert [ast.parse(text).body[0].lineno for text in python] == [1, 3, 5]


def test_broken_python_stays_one_step() -> None:
    assert split_cell("x = = 1") == [Step(PYTHON, "x = = 1")]
