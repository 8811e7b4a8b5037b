"""``python -m benchmarks``."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import capacity, pipelined, report, request_reply, sdk
from benchmarks.figures import describe_machine, summarize
from benchmarks.metering import Sample
from benchmarks.modes import BROKER, FLOOR, Mode
from benchmarks.process import ServerProcess

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Sizes:
    """How much is measured: numbers of messages, and seconds of idling."""

    sends: int = 2_000
    requests: int = 1_000
    pipelined: int = 20_000
    queued: int = 100_000
    idle_seconds: float = 5.0


QUICK = Sizes(sends=100, requests=104, pipelined=1_000, queued=2_000, idle_seconds=0.5)
WIDTH = 180
NAMES = tuple(mode.name for mode in (FLOOR, *BROKER))


@app.command()
def benchmark(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; each measures every mode once, in turn.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="One small round: shows that it works, not how fast.")] = False,
    only: Annotated[list[str] | None, typer.Option("--mode", help=f"One of {', '.join(NAMES)}; repeatable.")] = None,
    uvloop: Annotated[bool, typer.Option("--uvloop", help="Run the SDK on uvloop too.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures of all rounds here.")] = None,
) -> None:
    """Measure broker with the azure-servicebus client: rates, latency, CPU, memory, restart.

    Each way of keeping what was accepted (memory; fsync never, interval, always) is a broker process of its own, and
    the client is this process. "accept-all" is a server that takes everything and keeps nothing: what the client
    reaches there is the client's own ceiling. Messages are 1 KB. Tables show medians, and the range of the rounds.

    Sends wait for each acknowledgement. Receiving takes batches of up to 100 with a prefetch of 200, and completes one
    message after the other on the receiver. Request-reply is one queue of requests and one session of replies, with
    both ends in this process. All modes and three rounds take about ten minutes; let nothing else run meanwhile.
    """
    if unknown := set(only or ()) - set(NAMES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the modes are {', '.join(NAMES)}", param_hint="--mode")
    modes = [mode for mode in (FLOOR, *BROKER) if not only or mode.name in only]
    sizes = QUICK if quick else Sizes()
    console = Console(width=WIDTH)
    all_rounds: list[dict[str, Sample]] = []
    for number in range(1 if quick else rounds):
        samples: dict[str, Sample] = {}
        for mode in modes:
            with console.status(f"round {number + 1}: {mode.name}"):
                samples[mode.name] = _measure(mode, sizes, uvloop=uvloop)
        all_rounds.append(samples)
    machine = describe_machine()
    summary = summarize(all_rounds)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)
    console.print(report.table(summary, f"{len(all_rounds)} rounds; full: {sizes.queued:,} messages of 1 KB"))
    if FLOOR.name in summary and len(summary) > 1:
        console.print(report.ratios(summary, FLOOR.name))
    if json_file is not None:
        document = {"machine": machine, "sizes": asdict(sizes), "uvloop": uvloop, "rounds": all_rounds}
        json_file.write_text(json.dumps(document, indent=2))


def _measure(mode: Mode, sizes: Sizes, *, uvloop: bool) -> Sample:
    sample: Sample = {}
    with tempfile.TemporaryDirectory(prefix="broker-benchmark-") as name:
        folder = Path(name)
        with mode.start(folder) as server:
            with asyncio.Runner(loop_factory=_loop_factory() if uvloop else None) as runner:
                runner.run(_measure_with_sdk(server, sizes, sample, idle=not mode.is_floor))
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


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop


app()
