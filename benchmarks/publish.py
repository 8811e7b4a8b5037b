"""``python -m benchmarks.publish``: a summary and plots into docs/benchmarks.md, all figures into results/."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness.records import Run
from benchmarks.plots import draw
from benchmarks.report import summary, write_between_markers
from benchmarks.serving.workspace import LATEST, ROOT

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
    write_between_markers(DOCUMENT, "\n\n".join([summary(run), *pictures]))


if __name__ == "__main__":
    typer.run(main)
