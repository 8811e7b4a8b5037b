"""Keeps web pages away from servers on this machine, which ask for no key.

A page of any site can have its visitor's browser send requests to 127.0.0.1. The browser tells where a request comes
from (`Origin`, `Sec-Fetch-Site`), and whom the page believes to ask (`Host`: after DNS rebinding, a name of the page's
own). A request that tells neither is no page's.
"""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ALLOWED_HOSTS = "ONDEMAND_ALLOWED_HOSTS"
"""Setting with more names that clients may use for this machine, with commas between."""


class SiteGuard:
    """ASGI middleware: 403 for another site's page and for an unknown host name, 415 for a body without a type.

    *origins* are other sites whose pages may ask, in lower case; ``*`` is every site.
    """

    def __init__(self, app: ASGIApp, environ: Mapping[str, str] = os.environ, origins: Iterable[str] = ()) -> None:
        self._app = app
        self._origins = {origin.encode() for origin in origins}
        more = environ.get(ALLOWED_HOSTS, "").lower().split(",")
        self._names = {*LOOPBACK, *(name.strip() for name in more if name.strip())}

        self._is_known = lru_cache(256)(self._names_this_machine)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(dict(scope["headers"]), scope["method"]) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)

    def _refused(self, headers: Mapping[bytes, bytes], method: str) -> PlainTextResponse | None:
        host = headers.get(b"host", b"")
        if not self._is_known(host):
            return _refuse(
                403, f"This server is not known as {host[:100].decode('latin-1')!r}; {ALLOWED_HOSTS} names other hosts."
            )
        if self._is_other_site(headers, host, method):
            return _refuse(403, "Pages of other sites may not ask this server.")
        if b"content-type" not in headers and (
            b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        ):
            return _refuse(415, "Say what the body is: Content-Type: application/json.")
        return None

    def _is_other_site(self, headers: Mapping[bytes, bytes], host: bytes, method: str) -> bool:
        origin = headers.get(b"origin")
        if origin is not None and (b"*" in self._origins or origin.lower() in self._origins):
            return False
        if origin is not None and origin.partition(b"://")[2].lower() != host.lower():
            return True
        return method not in ("GET", "HEAD") and headers.get(b"sec-fetch-site") == b"cross-site"

    def _names_this_machine(self, host: bytes) -> bool:
        return _name(host.decode("latin-1")) in self._names


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _refuse(status: int, reason: str) -> PlainTextResponse:
    return PlainTextResponse(reason + "\n", status, headers={"Connection": "close"})
