"""Splits a cell into Python and magic commands."""

import ast
import re
from dataclasses import dataclass

PYTHON = "python"
_MAGIC_LINE = re.compile(r"^%{1,2}(?P<name>[A-Za-z][\w-]*)[ \t]*(?P<rest>.*)$")
_SHELL_LINE = re.compile(r"^!(?P<rest>.*)$")
# Everything after these belongs to them; other magic commands take one line.
_WHOLE_CELL = {"md", "md-sandbox", "sql", "sh", "scala", "r", "fs", "run", PYTHON}


@dataclass(frozen=True)
class Step:
    """Python to execute, or the text after a magic command's name."""

    magic: str
    text: str


def split_cell(source: str) -> list[Step]:
    """Steps in order. Python keeps its line numbers within the cell, by blank lines before it."""
    lines = source.splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return []
    opening = _MAGIC_LINE.match(lines[first])
    if opening and (opening["name"] in _WHOLE_CELL or lines[first].startswith("%%")):
        if opening["name"] == PYTHON:
            return [Step(PYTHON, "\n".join(["", *[""] * first, *lines[first + 1 :]]))]
        return [Step(opening["name"], "\n".join([opening["rest"], *lines[first + 1 :]]).strip())]
    if _is_python(source):
        return [Step(PYTHON, source)]
    return _split_lines(lines)


def _is_python(source: str) -> bool:
    """Whether the cell holds no magic at all: a line of Python may start with % too, inside brackets."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def _split_lines(lines: list[str]) -> list[Step]:
    steps: list[Step] = []
    python: list[str] = []
    for number, line in enumerate(lines):
        magic = _as_magic(line)
        if magic is None:
            python.append(line)
            continue
        if any(part.strip() for part in python):
            steps.append(Step(PYTHON, "\n".join(python)))
        steps.append(magic)
        python = [""] * (number + 1)
    if any(part.strip() for part in python):
        steps.append(Step(PYTHON, "\n".join(python)))
    return steps


def _as_magic(line: str) -> Step | None:
    if match := _MAGIC_LINE.match(line):
        return Step(match["name"], match["rest"].strip())
    if match := _SHELL_LINE.match(line):
        return Step("sh", match["rest"].strip())
    return None
