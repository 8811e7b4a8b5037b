"""Writes the table of values into each chart's README; run by `make charts`.

By hand, because helm-docs is a Go binary that comes by no package index; the comments keep to its convention (`# -- `),
so that it can take over.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

from tests.chart.charts import NAMES, ROOT

BEGIN, END = "<!-- values: written by `make charts` -->\n", "<!-- end of values -->\n"
LONGEST_DEFAULT = 60


@dataclass(frozen=True)
class Value:
    path: str
    default: Any
    description: str

    def row(self) -> str:
        default = json.dumps(self.default, ensure_ascii=False)
        shown = f"`{default}`" if len(default) <= LONGEST_DEFAULT else "see values.yaml"
        return f"| `{self.path}` | {shown} | {self.description} |"


def documented(text: str) -> Iterator[Value]:
    """Every value that has a comment of its own, in the order of the file."""
    lines = text.splitlines()
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    yield from _of_mapping(node, yaml.safe_load(text), lines, "")


def _of_mapping(node: yaml.MappingNode, values: dict[str, Any], lines: list[str], prefix: str) -> Iterator[Value]:
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        description = _comment(lines, key.start_mark.line)
        if description is not None:
            yield Value(path, values[key.value], description)
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from _of_mapping(value, values[key.value], lines, f"{path}.")
        else:
            raise ValueError(f"line {key.start_mark.line + 1}: {path} is not documented: no `# -- ` above it")


def _comment(lines: list[str], line: int) -> str | None:
    """The `# -- ` comment right above a line."""
    said: list[str] = []
    for above in reversed(lines[:line]):
        comment = re.match(r"\s*# (-- )?(.*)", above)
        if comment is None:
            return None
        said.insert(0, comment[2])
        if comment[1]:
            return " ".join(said)
    return None


def table(chart: str) -> str:
    rows = [value.row() for value in documented((ROOT / chart / "values.yaml").read_text(encoding="utf-8"))]
    return "\n".join(["| value | default | |", "|---|---|---|", *rows, ""])


def current(chart: str) -> str:
    """The README as it should be."""
    text = (ROOT / chart / "README.md").read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}{table(chart)}{END}{after}"


def main() -> None:
    for chart in NAMES:
        Path(ROOT / chart / "README.md").write_text(current(chart), encoding="utf-8")
    helm.dependency_update(ROOT / "helm", skip_refresh=True)


if __name__ == "__main__":
    main()
