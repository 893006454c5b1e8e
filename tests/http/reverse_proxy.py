"""A reverse proxy that takes a prefix off each path and says so, as nginx or Traefik do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@contextmanager
def proxied(upstream: httpx.Client, *, prefix: str, headers: dict[str, str]) -> Iterator[str]:
    """The proxy's address; what it passes on carries these headers and the caller's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.path.startswith(f"{prefix}/")
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            own = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            caller = ", ".join(filter(None, (self.headers.get("x-forwarded-for"), self.client_address[0])))
            sent = {**own, "x-forwarded-for": caller, **headers}
            path = self.path.removeprefix(prefix)
            with upstream.stream(self.command, path, content=body, headers=sent) as answer:
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                # As it came, in gzip or not.
                self.wfile.write(b"".join(answer.iter_raw()))

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
