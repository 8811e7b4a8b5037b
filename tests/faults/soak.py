"""``python -m tests.faults.soak``: honest clients for many minutes, and a random fault every twenty seconds.

Ends with status 1 if a request was lost, answered wrongly or twice, or never, if there were no answers for long after a
fault, or if a part has ended by itself.
"""

import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import httpx
import typer

from benchmarks.harness.machine import Machine, describe
from benchmarks.report import number, write_between_markers
from ondemand.stack import Stack
from tests.harness.clients import HonestClients
from tests.harness.faults import PARTS, before_the_broker, for_seconds, full_disk, kill, paused, restart
from tests.harness.ledger import Ledger, table
from tests.harness.proxy import Proxy
from tests.harness.stack import WARM, deaths, running_stack
from tests.harness.truth import Truth
from tests.harness.usage import Growth, growths, sampling

EXPLAINED = ("training-failed", "model-not-logged")
"""A run has failed if its process was killed, or found the disk full; its clients are told so."""
EVERY_S = 20.0
PATIENCE_S = 180.0
COLUMNS = 120
"""Of documents."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
RESULT = DOCUMENT.parent / "reliability" / "soak.json"


@dataclass(frozen=True)
class Fault:
    """What was done to which part, and how long three more answers took after it was over."""

    at_s: float
    kind: str
    part: str
    recovery_s: float


@dataclass
class Result:
    """One soak, as it is kept."""

    seed: int
    minutes: float
    machine: Machine
    faults: list[Fault] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    growth: dict[str, dict[str, Growth]] = field(default_factory=dict)


class Injector:
    """Chooses faults by a seed and injects them, one at a time."""

    def __init__(self, stack: Stack, proxies: Mapping[str, Proxy], seed: int) -> None:
        self._stack = stack
        self._proxies = proxies
        self._random = random.Random(seed)
        self._kinds: dict[str, tuple[Sequence[str], Callable[[str], Awaitable[None]]]] = {
            "kill -9": (PARTS, lambda part: kill(stack, part)),
            "restart": (PARTS, lambda part: restart(stack, part)),
            "SIGSTOP": (PARTS, self._pause),
            "full disk": (PARTS, self._fill),
            "connections cut": (tuple(proxies), self._cut),
            "half-open connections": (tuple(proxies), self._hold),
            "slow connections": (tuple(proxies), self._slow),
        }

    async def inject(self) -> tuple[str, str]:
        """The kind of the fault and its part, once it is over."""
        kind = self._random.choice(list(self._kinds))
        parts, inject = self._kinds[kind]
        part = self._random.choice(parts)
        await inject(part)
        return kind, part

    async def _pause(self, part: str) -> None:
        with paused(self._stack, part):
            await for_seconds(self._random.uniform(1, 8))

    async def _fill(self, part: str) -> None:
        with full_disk(self._stack, part):
            await for_seconds(self._random.uniform(1, 5))

    async def _cut(self, part: str) -> None:
        self._proxies[part].cut()

    async def _hold(self, part: str) -> None:
        self._proxies[part].half_open = True
        await for_seconds(self._random.uniform(1, 15))
        self._proxies[part].half_open = False

    async def _slow(self, part: str) -> None:
        self._proxies[part].delay_s = 0.1
        await for_seconds(self._random.uniform(1, 10))
        self._proxies[part].delay_s = 0.0


async def soak(folder: Path, minutes: float, seed: int) -> Result:
    """Run the stack on *folder* for *minutes* and check every attempt at the end."""
    result, ledger = Result(seed, minutes, describe([*range(2)])), Ledger()
    async with running_stack(folder) as stack, before_the_broker(stack) as proxies:
        injector, began = Injector(stack, proxies, seed), time.monotonic()
        clients_asking = HonestClients(stack.url, ledger, WARM, seed=seed % 1000, training_pause_s=5)
        # The comparison afterwards polls every operation at once, which is another load than that of the figures.
        async with sampling(stack) as lives, clients_asking as clients:
            await clients.until_answered()
            while (due := began + (len(result.faults) + 1) * EVERY_S) < began + minutes * 60:
                await for_seconds(due - time.monotonic())
                kind, part = await injector.inject()
                over = time.monotonic()
                try:
                    await clients.until_answered(3, patience_s=PATIENCE_S)
                except TimeoutError:
                    result.broken.append(f"no answers within {PATIENCE_S:.0f} s after {kind} of {part}")
                fault = Fault(round(over - began, 1), kind, part, round(time.monotonic() - over, 1))
                result.faults.append(fault)
                print(f"{fault.at_s:7.1f} s  {kind} of {part}: answers again after {fault.recovery_s} s", flush=True)
            await for_seconds(max(began + minutes * 60 - time.monotonic(), 0))
        async with httpx.AsyncClient(base_url=stack.url, timeout=70, trust_env=False) as http:
            await ledger.settle(http, Truth(stack.addresses), patience_s=PATIENCE_S)
        result.broken += await deaths(stack)
    result.counts, result.failures = ledger.counts, dict(ledger.failures)
    result.broken += ledger.broken(allowed=EXPLAINED)
    result.growth = growths(list(lives.values()))
    return result


def summary(result: Result) -> str:
    """What docs/reliability.md shows of a soak."""
    machine = "; ".join(f"{name}: {value}" for name, value in result.machine.items())
    kinds = sorted({fault.kind for fault in result.faults})
    recoveries = {kind: sorted(fault.recovery_s for fault in result.faults if fault.kind == kind) for kind in kinds}
    faults: dict[str, list[Any]] = {
        kind: [len(times), times[len(times) // 2], times[-1]] for kind, times in recoveries.items()
    }
    clients: dict[str, list[Any]] = {kind: list(row.values()) for kind, row in result.counts.items()}
    usage: dict[str, list[Any]] = {
        part: [f"{number(each.first)} → {number(each.last)} ({each.per_hour:+,.0f}/h)" for each in quantities.values()]
        for part, quantities in result.growth.items()
    }
    errors = ", ".join(f"{count} x `{kind}`" for kind, count in result.failures.items()) or "none"
    return "\n\n".join(
        [
            fill(
                f"Seed {result.seed}, {number(result.minutes)} minutes, {len(result.faults)} faults. {machine}.",
                COLUMNS,
                break_long_words=False,
                break_on_hyphens=False,
            ),
            table({"clients": list(next(iter(result.counts.values())))} | clients),
            f"Error outcomes: {errors}.",
            table({"fault": ["times", "median s to 3 answers", "longest"]} | faults),
            table({"part": list(next(iter(result.growth.values()), {}))} | usage),
        ]
    )


def main(
    minutes: Annotated[float, typer.Option(min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Chooses the faults; one at random if not given.")] = -1,
    publish: Annotated[bool, typer.Option(help="Write docs/reliability.md and the result beside it.")] = False,
) -> None:
    """Run a soak."""
    seed = secrets.randbelow(1_000_000) if seed < 0 else seed
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="ondemand-soak-") as folder:
        result = asyncio.run(soak(Path(folder), minutes, seed))
    print(summary(result))
    if publish:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n")
        write_between_markers(DOCUMENT, summary(result))
    if result.broken:
        sys.exit("\n".join(["does not hold:", *result.broken]))


if __name__ == "__main__":
    typer.run(main)
