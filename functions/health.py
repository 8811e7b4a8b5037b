"""Anonymous probes. Readiness is also the start-up hook that the Python worker lacks: it opens senders and the inbox
and loads what is slow to import, so that no client pays for it."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import azure.functions as func

from functions.errors import Unavailable
from functions.responses import problem_response

blueprint = func.Blueprint()
OPEN_TIMEOUT_S = 20.0
_openers: dict[str, Callable[[], Awaitable[None]]] = {}


def opens(function_name: str) -> Callable[[Callable[[], Awaitable[None]]], Callable[[], Awaitable[None]]]:
    """Register what makes a function ready. It is called at every probe, so it must be cheap the second time."""

    def register(opener: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        _openers[function_name] = opener
        return opener

    return register


def _runs_here(function_name: str) -> bool:
    """Whether this Deployment runs the function: all run where ``AzureFunctionsJobHost__functions__N`` names none."""
    named = [value for name, value in os.environ.items() if name.startswith("AzureFunctionsJobHost__functions__")]
    return not named or function_name in named


@blueprint.function_name("live")
@blueprint.route(route="health/live", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def live(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b'{"status":"live"}', mimetype="application/json")


@blueprint.function_name("ready")
@blueprint.route(route="health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def ready(req: func.HttpRequest) -> func.HttpResponse:
    openers = {name: opener for name, opener in _openers.items() if _runs_here(name)}
    outcomes = await asyncio.gather(*(_open(opener) for opener in openers.values()))
    troubles = {name: trouble for name, trouble in zip(openers, outcomes, strict=True) if trouble}
    if not troubles:
        return func.HttpResponse(b'{"status":"ready"}', mimetype="application/json")
    return problem_response(Unavailable("; ".join(f"{name}: {trouble}" for name, trouble in troubles.items())))


async def _open(opener: Callable[[], Awaitable[None]]) -> str | None:
    """What keeps the function from being ready."""
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            await opener()
    except Unavailable as error:
        return error.detail
    except TimeoutError:
        return f"not ready within {OPEN_TIMEOUT_S:.0f} s"
    return None
