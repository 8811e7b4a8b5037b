"""SECURITY.md: each promise names tests, and they exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", DOCUMENT)))


@cache
def functions_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_holds_a_promise_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert name.startswith("test_")
    assert name in functions_in(path)


def test_every_promise_names_a_test() -> None:
    attackers = DOCUMENT.split("\n## Attackers\n", 1)[1].split("\n## ", 1)[0]
    promises = re.findall(r"^\| (?!promise |---)(.+?) \| (.*) \|$", attackers, re.MULTILINE)
    assert len(promises) >= 30
    assert [promise for promise, tests in promises if "::test_" not in tests] == []
