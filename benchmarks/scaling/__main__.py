"""``python -m benchmarks.scaling``: sizing on paper, and the tables and plots of docs/scaling.md."""

from typing import Annotated

import typer

from benchmarks.scaling.report import own_table, rewritten, simulate_all, tables
from benchmarks.workspace import ROOT

DOCUMENT = ROOT / "docs" / "scaling.md"
PLOTS = ROOT / "docs" / "scaling"


def main(
    rate: Annotated[float | None, typer.Option(min=0.01, help="Requests a second of yours, instead.")] = None,
    prediction_ms: Annotated[float, typer.Option(min=0, help="CPU of one of your predictions.")] = 0.2,
    write: Annotated[bool, typer.Option("--write", help="Write docs/scaling.md's tables and plots.")] = False,
) -> None:
    """Print what the charts' values lead to: replicas by rate, and the simulated scenarios. Takes seconds."""
    if rate is not None:
        print(own_table(rate, prediction_ms))
        return
    results = simulate_all(lambda name: typer.echo(name, err=True))
    texts = tables(results)
    if not write:
        print("\n\n".join(texts.values()))
        return
    from benchmarks.scaling.plots import draw

    DOCUMENT.write_text(rewritten(DOCUMENT.read_text(encoding="utf-8"), texts), encoding="utf-8")
    draw(results, PLOTS)


if __name__ == "__main__":
    typer.run(main)
