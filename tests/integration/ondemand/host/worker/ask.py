"""``python -m tests.integration.ondemand.host.worker.ask own|runtime``: all answers of one worker, as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from ondemand.host.worker.worker import Worker
from tests.integration.ondemand.host.worker.cases import CASES, http

APP = Path(__file__).parent / "app"


def worker(name: str) -> Worker:
    if name == "own":
        from ondemand.host.worker.own import OwnWorker

        return OwnWorker()
    from ondemand.host.worker.runtime import RuntimeWorker

    return RuntimeWorker()


async def cancellation_reaches_function(asked: Worker) -> bool:
    """As when the time to drain is over."""
    task = asyncio.create_task(asked.invoke(http("forever")))
    await sys.modules["function_app"].began.wait()
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


async def main(name: str) -> None:
    asked = worker(name)
    indexed = await asked.index(APP)
    told = sys.modules["function_app"].told
    answers: dict[str, object] = {}
    for case, request in CASES.items():
        response = await asked.invoke(request)
        answers[case] = {
            "id": response.invocation_id,
            "status": response.result.status,
            "message": response.result.exception.message,
            "trace": response.result.exception.stack_trace,
            "returned": repr(response.return_value),
            "given": told.pop() if told else None,
        }
    cancelled = await cancellation_reaches_function(asked)
    asked.close()
    functions = [[each.name, each.function_id, list(each.raw_bindings)] for each in indexed]
    print(json.dumps({"functions": functions, "answers": answers, "cancelled": cancelled}))


asyncio.run(main(sys.argv[1]))
