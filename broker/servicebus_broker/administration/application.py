"""The requests of administration clients, answered from the broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from servicebus_broker.administration.atom import NAMESPACE, Entry, entry_document, feed_document
from servicebus_broker.administration.errors import AdministrationError, BadRequestError
from servicebus_broker.administration.namespace import namespace_entry
from servicebus_broker.administration.queue_description import queue_entry, read_settings
from servicebus_broker.administration.reading import read_description
from servicebus_broker.queues.errors import EntityNotFoundError, QueueError, UnauthorizedError
from servicebus_broker.queues.settings import QueueSettings
from servicebus_broker.service.broker import Broker
from servicebus_broker.service.entity import Entity

MAX_BODY = 64 * 1024
MAX_PAGE = 100
_BODY_TIMEOUT = 30.0
_COMMIT_TIMEOUT = 30.0
_MOST_DIGITS = 10
_ENTRY_TYPE = "application/atom+xml;type=entry;charset=utf-8"
_FEED_TYPE = "application/atom+xml;type=feed;charset=utf-8"
_ERROR_TYPE = "application/xml;charset=utf-8"

Commit = Callable[[], Awaitable[object]]
"""Returns once all that has changed so far is durable."""


class Administration:
    """The administration API as an ASGI application.

    No client is told of a change before ``commit``
    has returned.
    """

    def __init__(self, broker: Broker, commit: Commit) -> None:
        self._broker = broker
        self._commit = commit
        self._started_at = time.time()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._handle(request)
        except AdministrationError as error:
            return _error(error)
        except QueueError as error:
            return _error(AdministrationError(error.status, error.description))
        except ClientDisconnect:
            return Response(status_code=400)

    async def _handle(self, request: Request) -> Response:
        path = str(request.scope["path"]).strip("/")
        self._authorize(request, path)
        match request.method:
            case "GET":
                return self._get(request, path)
            case "PUT":
                return await self._put(request, path)
            case "DELETE":
                self._broker.delete_queue(path)
                await self._committed()
                return Response()
        raise AdministrationError(405, f"{request.method} is not a method of this API.")

    def _authorize(self, request: Request, path: str) -> None:
        """Raises UnauthorizedError for a request without a valid token for its path."""
        key = self._broker.key
        if key is not None and not key.claim(request.headers.get("authorization", "")).covers(path.lower()):
            raise UnauthorizedError(f"InvalidAudience: The token is not for '{path}'.")

    def _get(self, request: Request, path: str) -> Response:
        match path.lower():
            case "$namespaceinfo":
                return _entry(namespace_entry(_namespace_url(request), self._started_at))
            case "$resources/queues":
                return self._page(request, "Queues", self._broker.entities())
            case "$resources/topics":
                return self._page(request, "Topics", [])
            case lists if lists.endswith(("/subscriptions", "/rules")):
                raise AdministrationError(404, f"Not Found. '{path}': this broker has no topics.")
        try:
            return _entry(queue_entry(self._broker.entity_named(path), _namespace_url(request)))
        except EntityNotFoundError:
            # The service answers a request for a missing entity with an empty list.
            return Response(
                feed_document("Publicly Listed Services", str(request.url), time.time()), media_type=_FEED_TYPE
            )

    def _page(self, request: Request, title: str, entities: list[Entity]) -> Response:
        skip, top = _paging(request, "$skip", 0, len(entities)), _paging(request, "$top", MAX_PAGE, MAX_PAGE)
        page = entities[skip : skip + top]
        more = {"$skip": skip + top, "$top": top} if skip + top < len(entities) else None
        next_page = str(request.url.replace(query=urlencode(more, safe="$"))) if more else None
        entries = [queue_entry(entity, _namespace_url(request)) for entity in page]
        return Response(feed_document(title, str(request.url), time.time(), entries, next_page), media_type=_FEED_TYPE)

    async def _put(self, request: Request, path: str) -> Response:
        description = read_description(await _body(request))
        if "if-match" in request.headers:
            before = self._broker.entity_named(path).queue.settings
            entity = self._broker.update_queue(read_settings(description, before))
            status = 200
        else:
            entity = self._broker.create_queue(read_settings(description, QueueSettings(path)))
            status = 201
        await self._committed()
        return _entry(queue_entry(entity, _namespace_url(request)), status)

    async def _committed(self) -> None:
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT):
                await self._commit()
        except TimeoutError:
            detail = "Server Busy. The change holds, but could not be written to the disk yet."
            raise AdministrationError(503, detail) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise AdministrationError(413, f"Request Entity Too Large. A body has {MAX_BODY} bytes at most.")
    except TimeoutError:
        raise AdministrationError(
            408, f"Request Timeout. The body did not come within {_BODY_TIMEOUT:.0f} s."
        ) from None
    return bytes(body)


def _paging(request: Request, parameter: str, default: int, largest: int) -> int:
    text = request.query_params.get(parameter, str(default))
    if not text.isdecimal():
        raise BadRequestError(f"{parameter}: it has to be a number, not '{text}'.")
    return min(int(text[:_MOST_DIGITS]), largest)


def _namespace_url(request: Request) -> str:
    return f"https://{request.headers.get('host', NAMESPACE)}/"


def _entry(entry: Entry, status: int = 200) -> Response:
    return Response(entry_document(entry), status, media_type=_ENTRY_TYPE)


def _error(error: AdministrationError) -> Response:
    return Response(error.document(), error.status, media_type=_ERROR_TYPE)
