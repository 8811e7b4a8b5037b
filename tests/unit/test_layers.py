"""The layers: functions, ondemand and the broker do not import each other, and no import goes in a circle.

Imports for type checking and inside functions count too: a reader has to follow them all the same.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "functions": {"functions"},
    # The command shows the queues of a broker and runs it; the broker is a distribution of its own.
    "ondemand": {"ondemand", "servicebus_broker"},
    "servicebus_broker": {"servicebus_broker"},
}
FOLDERS = {"functions": ROOT / "functions", "ondemand": ROOT / "ondemand", "servicebus_broker": ROOT / "broker"}
OURS = {*MAY_IMPORT, "function_app", "local", "benchmarks", "tests", "deploy", "helm"}


def modules(package: str) -> dict[str, Path]:
    """The files of a package by module name."""
    folder = FOLDERS[package] if FOLDERS[package].name == package else FOLDERS[package] / package
    parts = {file: file.relative_to(folder.parent).with_suffix("").parts for file in folder.rglob("*.py")}
    return {".".join(names).removesuffix(".__init__"): file for file, names in parts.items()}


def imported(module: str, file: Path) -> Iterator[str]:
    """The full names that a module imports; for ``from x import y`` both x.y and x."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: -node.level + 1 or None] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{name}.{alias.name}" for alias in node.names)
            yield name


def graph(package: str) -> dict[str, set[str]]:
    """The imports among the modules of a package.

    ``from package import module`` needs the module; it is no edge to the package, which nobody can avoid to run.
    """
    known = modules(package)
    edges = {}
    for module, file in known.items():
        names = set(imported(module, file))
        exact = {name for name in names if name in known}
        edges[module] = {
            name for name in exact if not any(other.startswith(f"{name}.") and other in known for other in names)
        } - {module}
    return edges


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_package_imports_no_other_of_ours(package: str) -> None:
    wrong = {
        f"{module} imports {name}"
        for module, file in modules(package).items()
        for name in imported(module, file)
        if (top := name.partition(".")[0]) in OURS and top not in MAY_IMPORT[package]
    }
    assert not wrong


@pytest.mark.parametrize("package", ["functions", "ondemand"])
def test_no_import_goes_in_a_circle(package: str) -> None:
    try:
        TopologicalSorter(graph(package)).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
