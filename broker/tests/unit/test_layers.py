"""Which module imports which: no circles, no upward imports, nothing of the projects that use this one.

Imports for types and inside functions count like any other, and every import of a module counts as one of its packages.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "servicebus_broker"
ROOT = Path(__file__).parents[2]
FOREIGN = {"functions", "mlflow", "ondemand"}
# From the bottom up; a module imports only modules of its own and of lower layers.
LAYERS = (
    ("addresses", "clock", "flood", "key_file", "lifetime", "limits", "replaced_file"),
    ("amqp",),
    ("queues",),
    ("config", "durations", "lenient_json", "properties", "property_forms", "queue_option"),
    ("journal",),
    ("service",),
    ("administration",),
    ("__main__", "banner", "cli", "client", "run", "server", "tls"),
    ("pytest_plugin", "testing"),
)
WITHOUT_IO = ("amqp", "queues", "service")
IO = {"asyncio", "pathlib", "selectors", "socket", "ssl", "threading", "time"}


def imported_names(source: str) -> Iterator[str]:
    """Modules that a source imports; of ``from a import b`` both ``a`` and ``a.b``, which may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not resolved here"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def with_packages(module: str) -> Iterator[str]:
    """A module and the packages that contain it; importing it runs their ``__init__`` too."""
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """For each module, those of ``sources`` that it imports."""
    return {
        module: {
            each
            for name in (module, *imported_names(source))
            for each in with_packages(name)
            if each in sources and each != module
        }
        for module, source in sources.items()
    }


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, first and last the same; empty if there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """The source of every module of the package."""
    found = {}
    for path in (ROOT / PACKAGE).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def test_no_modules_import_each_other_in_a_circle(sources: dict[str, str]) -> None:
    graph = import_graph(sources)
    assert len(graph) > 50
    assert circle_in(graph) == []


@pytest.mark.parametrize(
    "package",
    [
        {"p": "", "p.a": "from p import b", "p.b": "from p.c import C", "p.c": "import p.a"},
        {"p": "", "p.a": "from p.b import B", "p.b": "if TYPE_CHECKING:\n    from p.a import A"},
        {"p": "", "p.a": "from p.b import B", "p.b": "def f():\n    from p.a import A"},
        {"p": "from p.a import A", "p.a": ""},
        {"p": "", "p.q": "from p.q.a import A", "p.q.a": "", "p.b": "from p.q.a import A"},
    ],
    ids=["three modules", "for types", "in a function", "package", "package in package"],
)
def test_circles_of_every_kind_are_found(package: dict[str, str]) -> None:
    assert circle_in(import_graph(package))


def test_modules_import_only_their_own_layer_and_lower_ones(sources: dict[str, str]) -> None:
    layer_of = {name: layer for layer, names in enumerate(LAYERS) for name in names}
    units = {module: module.split(".")[1] for module in sources if module != PACKAGE}
    upward = [
        f"{module} imports {imported}"
        for module, all_imported in import_graph(sources).items()
        for imported in all_imported - {PACKAGE}
        if layer_of[units[imported]] > layer_of[units[module]]
    ]
    assert upward == []
    assert set(units.values()) == set(layer_of)


def test_protocol_and_queues_do_no_io(sources: dict[str, str]) -> None:
    for module, source in sources.items():
        if module.split(".")[1:2] and module.split(".")[1] in WITHOUT_IO:
            assert IO.isdisjoint(imported_names(source)), module


def test_nothing_of_other_projects_is_imported() -> None:
    files = [path for folder in (PACKAGE, "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    for path in files:
        assert FOREIGN.isdisjoint(name.split(".")[0] for name in imported_names(path.read_text())), path
