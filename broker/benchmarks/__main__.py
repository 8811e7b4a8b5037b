"""``python -m benchmarks``."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import capacity, pipelined, report, request_reply, sdk
from benchmarks.modes import BROKER, FLOOR, Mode
from benchmarks.process import Sample, ServerProcess

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Sizes:
    """The numbers of messages, and the seconds of idling."""

    sends: int = 2_000
    requests: int = 1_000
    pipelined: int = 20_000
    queued: int = 100_000
    idle_seconds: float = 5.0


QUICK = Sizes(sends=100, requests=104, pipelined=1_000, queued=2_000, idle_seconds=0.5)
NAMES = tuple(mode.name for mode in (FLOOR, *BROKER))


@app.command()
def benchmark(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; each measures every mode once, in turn.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="One small round: shows that it works, not how fast.")] = False,
    only: Annotated[list[str] | None, typer.Option("--mode", help=f"One of {', '.join(NAMES)}; repeatable.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write all figures here.")] = None,
) -> None:
    """Measure the broker with the azure-servicebus client: rates, latency, CPU, memory, restart.

    Each kind of persistence (memory; fsync never, interval, always) is a broker process of its own, and the client is
    this process. "accept-all" is a server that accepts everything and keeps nothing: the rate of the client against it
    is the client's own ceiling. Messages are 1 KB. Tables show medians, and the range of the rounds.

    Sends wait for each acknowledgement. Receiving takes batches of up to 100 with a prefetch of 200, and completes one
    message after the other on the receiver. Request-reply is one queue of requests and one session of replies, with
    both ends in this process. All modes and three rounds take about ten minutes; let nothing else run meanwhile.
    """
    if unknown := set(only or ()) - set(NAMES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the modes are {', '.join(NAMES)}", param_hint="--mode")
    modes = [mode for mode in (FLOOR, *BROKER) if not only or mode.name in only]
    sizes = QUICK if quick else Sizes()
    all_rounds: list[dict[str, Sample]] = []
    for number in range(1, (1 if quick else rounds) + 1):
        samples: dict[str, Sample] = {}
        for mode in modes:
            typer.echo(f"round {number}: {mode.name}", err=True)
            samples[mode.name] = _measure(mode, sizes)
        all_rounds.append(samples)
    summary = report.summarize(all_rounds)
    typer.echo(f"{report.machine()}\n\n{len(all_rounds)} rounds; full: {sizes.queued:,} messages of 1 KB\n")
    typer.echo(report.table(summary))
    if FLOOR.name in summary and len(summary) > 1:
        typer.echo(f"\nShare of the rate against {FLOOR.name}\n\n{report.ratios(summary, FLOOR.name)}")
    if csv_file is not None:
        report.write_csv(summary, csv_file)


def _measure(mode: Mode, sizes: Sizes) -> Sample:
    sample: Sample = {}
    with tempfile.TemporaryDirectory(prefix="broker-benchmark-") as name:
        folder = Path(name)
        with mode.start(folder) as server:
            asyncio.run(_measure_with_sdk(server, sizes, sample, idle=not mode.is_floor))
            pipelined.measure(server, sizes.pipelined, sample)
    if not mode.is_floor:
        with tempfile.TemporaryDirectory(prefix="broker-benchmark-") as name:
            capacity.measure(mode, Path(name), sizes.queued, sample)
    return sample


async def _measure_with_sdk(server: ServerProcess, sizes: Sizes, sample: Sample, *, idle: bool) -> None:
    await sdk.measure(server, sizes.sends, sample)
    if idle:  # the floor has no queue to wait at, and no requests to answer
        await request_reply.measure(server, sizes.requests, sample)
        await capacity.measure_idle(server, sizes.idle_seconds, sample)


app()
