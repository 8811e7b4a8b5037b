"""Pictures for docs/scaling.md: replicas over time, and replicas by rate."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.scaling.report import PREDICTION_MS
from benchmarks.scaling.scenarios import Result
from benchmarks.scaling.simulation import System
from benchmarks.scaling.sizing import settle

COLOURS = {"predict": "#1f6feb", "runModel": "#d29922", "train": "#bc8cff"}
SHOWN = {
    "burst of 10,000": 90,
    "herd of 1,000 on an untrained model": 240,
    "steady 200/s of 20 ms": 1200,
    "ramp to 10,000/s, values for it": 300,
}
"""Scenarios, and the seconds of them that are drawn."""


def draw(results: Iterable[Result], folder: Path) -> None:
    """Write ``replicas.svg`` and ``by_rate.svg``."""
    mpl.rcParams.update({"svg.hashsalt": "mlflow-ondemand", "svg.fonttype": "none", "font.size": 8})
    folder.mkdir(exist_ok=True)
    shown = [result for result in results if result.scenario.name in SHOWN]
    for name, figure in {"replicas": _over_time(shown), "by_rate": _by_rate()}.items():
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def _over_time(results: list[Result]) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    replicas, messages = figure.subplots(2, len(results), squeeze=False, sharex="col")
    for upper, lower, result in zip(replicas, messages, results, strict=True):
        seconds, simulation = SHOWN[result.scenario.name], result.simulation
        for name, deployment in simulation.deployments.items():
            _draw_until(upper, seconds, deployment.timeline, COLOURS[name], name)
        for name, workers in {"runModel": simulation.run_model, "train": simulation.train}.items():
            _draw_until(lower, seconds, workers.depths, COLOURS[name], name)
        for axes in (upper, lower):
            axes.set_xlim(0, seconds)
            axes.set_ylim(bottom=0)
            _clean(axes)
        upper.set_title(result.scenario.name, fontsize=9)
        lower.set_xlabel("seconds")
    replicas[0].set_ylabel("replicas")
    messages[0].set_ylabel("messages in the queue")
    figure.legend(*replicas[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_until(axes: Axes, seconds: float, series: list[tuple[float, int]], colour: str, name: str) -> None:
    shown = [point for point in series if point[0] < seconds]
    moments, values = zip((0.0, 0), *shown, (seconds, shown[-1][1]), strict=True)
    axes.step(moments, values, where="post", color=colour, label=name)


def _by_rate() -> Figure:
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes, system = figure.subplots(), System()
    rates = [10 ** (step / 10) for step in range(41)]
    for prediction, style in zip(PREDICTION_MS, (":", "--", "-"), strict=True):
        times = replace(system.times, prediction=prediction / 1000)
        settled = [settle(rate, times, system.predict, system.run_model) for rate in rates]
        label = f"run_model, {prediction:g} ms a prediction"
        axes.plot(rates, [each.run_model_wanted for each in settled], style, color=COLOURS["runModel"], label=label)
    axes.plot(rates, [each.predict_wanted for each in settled], color=COLOURS["predict"], label="predict")
    axes.axhline(system.run_model.max_replicas, color="#8b949e", linewidth=0.8, label="maxReplicas of the chart")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("one-row requests a second")
    axes.set_ylabel("replicas wanted")
    axes.legend(frameon=False)
    _clean(axes)
    return figure


def _clean(axes: Axes) -> None:
    axes.grid(axis="y", alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
