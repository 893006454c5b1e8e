"""A server between a client and the service: it passes requests on, but for those that a test wants to go wrong."""

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import msgspec

HOPS = ("connection", "transfer-encoding", "content-length", "date", "server", "content-encoding")


class Asked(msgspec.Struct, frozen=True):
    """One request as it arrived; header names are in lower case, `at` is monotonic."""

    method: str
    path: str
    headers: dict[str, str]
    at: float


class Handler(BaseHTTPRequestHandler):
    """One connection of a client's."""

    protocol_version = "HTTP/1.1"
    between: "Between"

    def do_GET(self) -> None:
        self.between.take(self)

    def do_POST(self) -> None:
        self.between.take(self)

    def do_DELETE(self) -> None:
        self.between.take(self)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


Fault = Callable[["Between", Handler], None]


class Between:
    """What was asked, and what goes wrong with which requests."""

    def __init__(self, upstream: str) -> None:
        self.upstream = httpx.Client(base_url=upstream, trust_env=False, timeout=30)
        self.asked: list[Asked] = []
        self.url = ""
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()

    def fail(self, *faults: Fault, at: str = "") -> None:
        """Each fault for one of the next requests whose `GET /path` has `at` in it, a pattern."""
        with self._lock:
            self._faults += [(at, fault) for fault in faults]

    def took(self, at: str = "") -> list[Asked]:
        """The requests whose `GET /path` has `at` in it, a pattern."""
        return [asked for asked in self.asked if re.search(at, f"{asked.method} {asked.path}")]

    def take(self, handler: Handler) -> None:
        asked = Asked(
            handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()}, time.monotonic()
        )
        with self._lock:
            self.asked.append(asked)
            line = f"{asked.method} {asked.path}"
            due = next((number for number, (at, _) in enumerate(self._faults) if re.search(at, line)), None)
            fault = passed_on if due is None else self._faults.pop(due)[1]
        try:
            fault(self, handler)
        except (BrokenPipeError, ConnectionResetError):
            # The client did not wait for it.
            handler.close_connection = True
        except RuntimeError:
            # Nor did the test.
            if not self.upstream.is_closed:
                raise
            handler.close_connection = True

    def ask(self, handler: Handler) -> httpx.Response:
        """What the service answers to the request."""
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "connection")}
        return self.upstream.request(handler.command, handler.path, content=handler.body(), headers=headers)


def told(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in HOPS}


def passed_on(between: Between, handler: Handler) -> None:
    response = between.ask(handler)
    handler.answer(response.status_code, told(response), response.content)


def answers(status: int, body: bytes = b"<html>no</html>", **headers: str) -> Fault:
    """An answer that the service has not given."""

    def fault(_: Between, handler: Handler) -> None:
        handler.body()
        handler.answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    return fault


def drops(_: Between, handler: Handler) -> None:
    """No answer, and the service has not heard of the request."""
    handler.close_connection = True


def loses(between: Between, handler: Handler) -> None:
    """No answer, though the service has given one."""
    between.ask(handler)
    handler.close_connection = True


def cuts(between: Between, handler: Handler) -> None:
    """Half an answer."""
    response = between.ask(handler)
    handler.send_response_only(response.status_code)
    handler.send_header("content-length", str(len(response.content)))
    handler.end_headers()
    handler.wfile.write(response.content[:20])
    handler.close_connection = True


def takes(seconds: float) -> Fault:
    """The answer, late."""

    def fault(between: Between, handler: Handler) -> None:
        time.sleep(seconds)
        passed_on(between, handler)

    return fault


def hurries(between: Between, handler: Handler) -> None:
    """As a service that holds no answer back."""
    del handler.headers["prefer"]
    passed_on(between, handler)


def streams(*changes: dict[str, Any], breaks: bool = False) -> Fault:
    """A stream that tells the job with each of the changes; then it ends, or breaks in the middle of an event."""

    def fault(between: Between, handler: Handler) -> None:
        job = between.upstream.get(
            handler.path.removesuffix("/events"), headers={"authorization": handler.headers["authorization"]}
        ).json()
        handler.send_response_only(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for number, change in enumerate(changes):
            _chunk(handler, f": alive\n\nevent: job\nid: {number}\ndata: {json.dumps(job | change)}\n\n")
        _chunk(handler, 'data: {"id": "cut' if breaks else "event: end\ndata: {}\n\n")
        if not breaks:
            _chunk(handler, "")
        handler.close_connection = True

    return fault


def _chunk(handler: Handler, text: str) -> None:
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
    handler.wfile.flush()


class Listening(ThreadingHTTPServer):
    """Says nothing of clients that have left."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def between(upstream: str) -> Iterator[Between]:
    """A server of its own, until the block is left."""
    server = Between(upstream)
    handler = type("OwnHandler", (Handler,), {"between": server})
    with Listening(("127.0.0.1", 0), handler) as listening:
        listening.daemon_threads = True
        listening.block_on_close = False
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
            server.upstream.close()
