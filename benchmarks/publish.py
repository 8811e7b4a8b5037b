"""``python -m benchmarks.publish``: a run's table and plots into docs/benchmarks.md, its raw results into results/."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.plots import draw
from benchmarks.records import Run
from benchmarks.report import markdown, write_between_markers
from benchmarks.workspace import LATEST, ROOT

DOCUMENT = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
RESULTS = ROOT / "benchmarks" / "results"


def main(results: Annotated[Path, typer.Argument(help="Of the last run, if not given.")] = LATEST) -> None:
    """Publish raw results."""
    run = Run.read(results)
    for folder in (PLOTS, RESULTS):
        folder.mkdir(exist_ok=True)
    pictures = [f"![{path.stem}]({path.relative_to(DOCUMENT.parent)})" for path in draw(run, PLOTS)]
    run.write(RESULTS / "published.json")
    write_between_markers(DOCUMENT, "\n\n".join([markdown(run), *pictures]))


if __name__ == "__main__":
    typer.run(main)
