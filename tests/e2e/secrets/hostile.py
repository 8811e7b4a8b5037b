"""A server that refuses everything and repeats what it was sent: Databricks, MLflow and the store at their worst."""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class HostileServer:
    """Listens on a free port. ``status`` is what it answers with, ``kind`` the form of its body."""

    def __init__(self) -> None:
        self.status = HTTPStatus.UNAUTHORIZED
        self.kind = "json"
        self.requests = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def body(self, headers: str) -> bytes:
        if self.kind == "json":
            return json.dumps({"error_code": "TROUBLE", "message": f"You sent {headers}"}).encode()
        if self.kind == "xml":
            return f"<Error><Code>AuthenticationFailed</Code><Message>{headers}</Message></Error>".encode()
        return f"<html>\n2026-01-01 ERROR forged\n{headers}".encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                hostile.requests += 1
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = hostile.body(f"{self.path} {dict(self.headers)}")
                self.send_response(hostile.status)
                if 300 <= hostile.status < 400:
                    self.send_header(
                        "Location", f"/elsewhere?{self.headers.get('Authorization', '')}".replace(" ", "+")
                    )
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test's output is none of the logs that are read."""

        return Handler
