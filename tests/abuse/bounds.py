"""What a costly request may cost: memory of the processes that pay, and the time of others meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from ondemand.stack import Stack
from tests.harness.clients import wine_body
from tests.harness.faults import memory_limit
from tests.harness.probes import MIB, growth, probing

PREDICT_MIB = 250
"""A body of 16 MiB, what a parser makes of it, and room for noise. Measured before the bounds: 1,900."""
RUNNER_MIB = 250
"""Measured before the bounds: more than 4,096, and the end of the process."""
LONGEST_PROBE_S = 8.0
"""Two busy cores and other tests; a loop that one request blocks took 18 to 28 s."""
MAX_ANSWER_BYTES = 64 * 1024
HONEST = wine_body()


@asynccontextmanager
async def bounded(
    stack: Stack, *, runner_mib: float = RUNNER_MIB, longest_s: float = LONGEST_PROBE_S
) -> AsyncIterator[None]:
    """Everybody else is served while the block runs, and neither process grows by more than its bound."""
    predict, runner = stack.parts["predict"].pid, stack.parts["run-model"].pid
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, trust_env=False) as http:
        warm = await http.post("/predict", json=HONEST, headers={"Prefer": "wait=60"})
    assert warm.status_code == 200, warm.text
    with memory_limit(stack, "run-model", 3 * 1024 * MIB), memory_limit(stack, "predict", 3 * 1024 * MIB):
        async with (
            growth(predict) as of_predict,
            growth(runner) as of_runner,
            probing(stack.url, HONEST, headers={"x-functions-key": "an honest one"}) as times,
        ):
            yield
    print(
        f"predict {of_predict.before:.0f} MiB + {of_predict.at_most:.0f}, run_model {of_runner.before:.0f} MiB + "
        f"{of_runner.at_most:.0f}; live {times.longest_live:.2f} s, honest POST {times.longest_post:.2f} s"
    )
    assert set(times.statuses) == {200}
    assert of_predict.at_most < PREDICT_MIB
    assert of_runner.at_most < runner_mib
    assert times.longest_live < longest_s
    assert times.longest_post < longest_s
