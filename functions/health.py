"""Anonymous probes. Liveness fails when only a restart helps.

Readiness is also the start-up hook that the Python worker lacks: it opens senders and the inbox and loads what is slow
to import, so that no client pays for it.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

import azure.functions as func

from functions.errors import Unavailable
from functions.responses import problem_response

blueprint = func.Blueprint()
logger = logging.getLogger(__name__)
OPEN_TIMEOUT_S = 20.0
_openers: dict[str, Callable[[], Awaitable[None]]] = {}
_lives: dict[str, Callable[[], str | None]] = {}


def opens(function_name: str) -> Callable[[Callable[[], Awaitable[None]]], Callable[[], Awaitable[None]]]:
    """Register what makes a function ready. It is called at every probe, so it must be cheap the second time."""

    def register(opener: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        _openers[function_name] = opener
        return opener

    return register


def lives(function_name: str) -> Callable[[Callable[[], str | None]], Callable[[], str | None]]:
    """Register what says why a function's process should be restarted; None while it need not."""

    def register(trouble: Callable[[], str | None]) -> Callable[[], str | None]:
        _lives[function_name] = trouble
        return trouble

    return register


def _runs_here(function_name: str) -> bool:
    """Whether this Deployment runs the function: all run where ``AzureFunctionsJobHost__functions__N`` names none."""
    named = [value for name, value in os.environ.items() if name.startswith("AzureFunctionsJobHost__functions__")]
    return not named or function_name in named


@blueprint.function_name("live")
@blueprint.route(route="health/live", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def live(req: func.HttpRequest) -> func.HttpResponse:
    troubles = {name: trouble() for name, trouble in _lives.items() if _runs_here(name)}
    if any(troubles.values()):
        logger.error("this process should be restarted: %s", troubles)
    return _response("live", troubles)


@blueprint.function_name("ready")
@blueprint.route(route="health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def ready(req: func.HttpRequest) -> func.HttpResponse:
    openers = {name: opener for name, opener in _openers.items() if _runs_here(name)}
    outcomes = await asyncio.gather(*(_open(opener) for opener in openers.values()))
    return _response("ready", dict(zip(openers, outcomes, strict=True)))


def _response(status: str, troubles: dict[str, str | None]) -> func.HttpResponse:
    """200 with the status, or 503 that names each function's trouble."""
    named = [f"{name}: {trouble}" for name, trouble in troubles.items() if trouble]
    if named:
        return problem_response(Unavailable("; ".join(named)))
    return func.HttpResponse(f'{{"status":"{status}"}}'.encode(), mimetype="application/json")


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
