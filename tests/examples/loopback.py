"""A web site on loopback that answers what a test wrote down, byte for byte, and remembers what was asked for."""

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

# What is sent, in parts with a rest of some seconds between them where there are several.
Answer = bytes | Sequence[bytes]
REST_S = 0.05


class Loopback:
    """The site while it is up; `origin` has no slash at its end."""

    def __init__(self, origin: str, answers: Mapping[str, Answer]) -> None:
        self.origin = origin
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.headers: list[str] = []


def page(
    body: str | bytes, *, content_type: str = "text/html", status: str = "200 OK", headers: Sequence[str] = ()
) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def links(*urls: str, title: str = "") -> bytes:
    return page(f"<title>{title}</title>" + "".join(f'<p><a href="{url}">to</a></p>' for url in urls))


def redirect(location: str, status: str = "302 Found") -> bytes:
    return page("", status=status, headers=[f"Location: {location}"])


NOT_FOUND = page("<p>There is nothing here.", status="404 Not Found")


@contextmanager
def serving(answers: Mapping[str, Answer], *, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = self.rfile.readline().decode("latin-1")
            while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                site.headers.append(line.decode("latin-1").strip())
            path = request.split(" ")[1] if request else ""
            site.asked.append(path)
            answer = site.answers.get(path, NOT_FOUND)
            for part in [answer] if isinstance(answer, bytes) else answer:
                try:
                    self.wfile.write(part)
                except OSError:
                    return
                if not isinstance(answer, bytes):
                    time.sleep(REST_S)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def get_request(self) -> tuple[socket.socket, object]:
            channel, peer = super().get_request()
            if tls is None:
                return channel, peer
            return tls.wrap_socket(channel, server_side=True, do_handshake_on_connect=False), peer

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is no error of a test."""

    with Server(("127.0.0.1", 0), Handler) as server:
        site = Loopback(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}", answers)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield site
        finally:
            server.shutdown()
