"""Somebody else's server: it hands out a key set, or misbehaves."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pollable.auth.issuer import issuer_from
from pollable.auth.web_tokens import WebTokens
from pollable.settings import Settings
from tests.auth.minting import AUDIENCE


class KeyServer:
    """`hits` counts requests. The rest is what it answers with, and may be changed at any time."""

    def __init__(self) -> None:
        self.hits = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_open = threading.Event()
        self.is_open.set()
        self.was_hit = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/keys?of=issuer"

    def publish(self, *keys: dict[str, Any]) -> None:
        self.status, self.body = 200, json.dumps({"keys": keys}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.hits += 1
                server.was_hit.set()
                # Closed, it answers late: an event, so that a test decides for how long.
                server.is_open.wait(30)
                self.send_response(server.status)
                for name, value in {"Content-Length": str(len(server.body)), **server.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(ConnectionError):
                    self.wfile.write(server.body)

            def log_message(self, format: str, *args: object) -> None: ...

        return Handler

    @contextmanager
    def running(self) -> Iterator["KeyServer"]:
        self._thread.start()
        try:
            yield self
        finally:
            self.is_open.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


def tokens_of(server: KeyServer) -> WebTokens:
    """Those that are signed with the server's keys."""
    return WebTokens(issuer_from(Settings(auth=("jwt",), jwks_url=server.url, jwt_audience=AUDIENCE)))
