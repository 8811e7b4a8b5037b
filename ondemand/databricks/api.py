"""The REST API over HTTP: ``/api/2.x/jobs/runs/…``, and the pages of the runs."""

import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ondemand.databricks.errors import ApiError, invalid_parameter, run_does_not_exist
from ondemand.databricks.jobs import Jobs
from ondemand.databricks.output import RunFiles
from ondemand.databricks.page import HEADERS, render_run
from ondemand.databricks.process import Launcher
from ondemand.databricks.representation import represent_output, represent_run, represent_task_run
from ondemand.databricks.run import Run
from ondemand.databricks.settings import Settings
from ondemand.databricks.store import Filter, RunStore
from ondemand.databricks.submission import parse_submission

MAX_BODY = 2 * 1024 * 1024
MAX_PAGE = 25
_SEVERAL_TASKS = (
    "Retrieving the output of runs with multiple tasks is not supported. "
    "Please retrieve the output of each individual task run instead."
)
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(settings: Settings) -> Starlette:
    """The application; its lifespan starts and stops the notebooks' processes."""
    api = JobsApi(settings)
    return Starlette(
        routes=[
            Route("/.well-known/databricks-config", api.configuration),
            Route("/health", api.health),
            Route("/jobs/{job_id:int}/runs/{run_id:int}", api.page),
            *(
                Route(f"/api/2.{minor}/jobs/runs/{name}", api.authorized(endpoint), methods=[method])
                for minor in range(3)
                for name, method, endpoint in (
                    ("submit", "POST", api.submit),
                    ("get", "GET", api.get),
                    ("get-output", "GET", api.get_output),
                    ("list", "GET", api.list_runs),
                    ("cancel", "POST", api.cancel),
                )
            ),
        ],
        exception_handlers={ApiError: _refuse, 404: _unknown_path, 405: _unknown_path},
        lifespan=api.lifespan,
    )


class JobsApi:
    """Endpoints over one store of runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = RunStore(settings.data / "runs.db")
        self._files = RunFiles(settings.data / "runs")
        self._launcher = Launcher(settings.preload)
        self._jobs = Jobs(self._store, self._files, self._launcher, settings)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._launcher.warm_up()
        self._jobs.recover()
        try:
            yield
        finally:
            await self._jobs.close()
            self._store.close()

    def authorized(self, endpoint: Endpoint) -> Endpoint:
        async def check_first(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise ApiError(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type")
            expected = self._settings.token
            if expected is not None and not hmac.compare_digest(token.encode(), expected.encode()):
                raise ApiError(403, "PERMISSION_DENIED", "Invalid access token.")
            return await endpoint(request)

        return check_first

    async def configuration(self, request: Request) -> Response:
        """The SDK's first request."""
        return JSONResponse({"oidc_endpoint": f"{_base_url(request)}/oidc", "workspace_id": "1"})

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def submit(self, request: Request) -> Response:
        run = self._jobs.submit(parse_submission(await _read_body(request)))
        return JSONResponse({"run_id": run.run_id})

    async def get(self, request: Request) -> Response:
        run_id = _required_run_id(request.query_params.get("run_id"))
        run = self._find(run_id)
        represent = represent_task_run if run_id == run.task_run_id else represent_run
        return JSONResponse(represent(run, _base_url(request)))

    async def get_output(self, request: Request) -> Response:
        """The output of the task's run: Databricks refuses the job's run even when it has one task only."""
        run_id = _required_run_id(request.query_params.get("run_id"))
        run = self._find(run_id)
        if run_id != run.task_run_id:
            raise invalid_parameter(_SEVERAL_TASKS)
        return JSONResponse(represent_output(run, self._files.report(run.run_id), _base_url(request)))

    async def cancel(self, request: Request) -> Response:
        try:
            body = json.loads(await _read_body(request))
        except ValueError as error:
            raise ApiError(400, "MALFORMED_REQUEST", f"Could not parse request object: {error}") from error
        self._jobs.cancel(self._find(_required_run_id(body.get("run_id") if isinstance(body, dict) else None)))
        return JSONResponse({})

    async def list_runs(self, request: Request) -> Response:
        query = request.query_params
        limit = min(_integer(request, "limit") or 20, MAX_PAGE)
        runs, following = self._store.page(limit, _filter(request))
        if query.get("run_type", "SUBMIT_RUN") != "SUBMIT_RUN":
            runs, following = [], None
        with_tasks = query.get("expand_tasks") == "true"
        answer = {"runs": [represent_run(run, _base_url(request), with_tasks) for run in runs]} if runs else {}
        token = {"next_page_token": str(following)} if following else {}
        return JSONResponse({**answer, "has_more": following is not None, **token})

    async def page(self, request: Request) -> Response:
        run = self._find(request.path_params["run_id"])
        html = render_run(run, self._files.report(run.run_id), self._files.printed(run.run_id))
        return HTMLResponse(html, headers=HEADERS)

    def _find(self, run_id: int) -> Run:
        run = self._store.find(run_id)
        if run is None:
            raise run_does_not_exist(run_id)
        return run


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  # Starlette guarantees it; for the type checker
    return JSONResponse({"error_code": error.code, "message": error.message}, status_code=error.status)


async def _unknown_path(request: Request, error: Exception) -> Response:
    message = f"No API found for '{request.method} {request.url.path}'"
    return JSONResponse({"error_code": "ENDPOINT_NOT_FOUND", "message": message}, status_code=404)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ApiError(413, "MAX_REQUEST_SIZE_EXCEEDED", f"The request is larger than {MAX_BODY} bytes")
    return bytes(body)


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _required_run_id(value: object) -> int:
    try:
        return _to_integer(value)
    except ValueError as error:
        raise invalid_parameter(f"run_id must be an integer, not {value!r}") from error


def _integer(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return _to_integer(text)
    except ValueError as error:
        raise invalid_parameter(f"{name} must be an integer, not {text!r}") from error


def _to_integer(value: object) -> int:
    """Not negative, and small enough for SQLite."""
    if not isinstance(value, int | str) or isinstance(value, bool) or not 0 <= (number := int(value)) < 2**63:
        raise ValueError(value)
    return number


def _filter(request: Request) -> Filter:
    active_only = request.query_params.get("active_only") == "true"
    completed_only = request.query_params.get("completed_only") == "true"
    if active_only and completed_only:
        raise invalid_parameter("active_only and completed_only cannot both be true")
    return Filter(
        active=True if active_only else False if completed_only else None,
        job_id=_integer(request, "job_id"),
        submitted_from=_integer(request, "start_time_from"),
        submitted_to=_integer(request, "start_time_to"),
        before=_integer(request, "page_token"),
        offset=_integer(request, "offset") or 0,
    )
