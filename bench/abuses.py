"""What one owner may do worst to the others: `python -m bench.abuses NAME PORT TOKEN JOB`, until it is killed.

A process of its own, so that it takes no time from whoever measures.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

AGAIN_S = 0.05
"""After a connection that the service closed: it is full speed otherwise."""
TRAILER_BYTES = 10_000_000
HUGE_BYTES = 100_000_000


class Abuser:
    """A token, and a job of 1 MB that is its own."""

    def __init__(self, port: int, token: str, job_id: str) -> None:
        self.port, self.token, self.job_id = port, token, job_id

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def head(self, line: str, *more: str, token: str | None = None) -> bytes:
        """Of a request, whose `line` is method and target."""
        known = f"Authorization: Bearer {token or self.token}"
        return "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", known, *more, "", ""]).encode()

    def post(self, **members: object) -> bytes:
        body = json.dumps({"type": "sleep", "payload": None, **members}).encode()
        return self.head("POST /jobs", "Content-Type: application/json", f"Content-Length: {len(body)}") + body


def asking(request: Callable[[Abuser], bytes]) -> Callable[[Abuser], None]:
    """The same again and again, on a connection that is kept, each answer read."""

    def run(abuser: Abuser) -> None:
        sent = request(abuser)
        with abuser.connect() as connection:
            reader = connection.makefile("rb")
            while True:
                connection.sendall(sent)
                _read(reader)

    return run


def _read(reader: object) -> None:
    lines: Iterator[bytes] = iter(reader.readline, b"")  # type: ignore[attr-defined]
    length, is_chunked = 0, False
    for line in lines:
        if line == b"\r\n":
            break
        name, _, value = line.lower().partition(b":")
        length = int(value) if name == b"content-length" else length
        is_chunked = is_chunked or (name == b"transfer-encoding" and b"chunked" in value)
    else:
        raise ConnectionResetError
    while is_chunked and (length := int(reader.readline(), 16)):  # type: ignore[attr-defined]
        reader.read(length + 2)  # type: ignore[attr-defined]
    if is_chunked:
        length = 2
    reader.read(length)  # type: ignore[attr-defined]


def trailers(abuser: Abuser) -> None:
    """Ten megabytes of header fields behind a body."""
    with abuser.connect() as connection:
        connection.sendall(abuser.head("POST /jobs", "Content-Type: application/json", "Transfer-Encoding: chunked"))
        connection.sendall(b"0\r\n")
        field = b"X-Trailer: " + b"t" * 1_000 + b"\r\n"
        for _ in range(TRAILER_BYTES // len(field)):
            connection.sendall(field)
        connection.sendall(b"\r\n")
        connection.recv(65_536)


def pipelines(abuser: Abuser) -> None:
    """Requests upon requests, the answers to which are not read."""
    with abuser.connect() as connection:
        connection.settimeout(5)
        many = abuser.head(f"GET /jobs/{abuser.job_id}") * 500
        while True:
            connection.sendall(many)


def slow_reader(abuser: Abuser) -> None:
    """A megabyte is asked for, and nothing of it is read."""
    with abuser.connect() as connection:
        connection.sendall(abuser.head(f"GET /jobs/{abuser.job_id}/result"))
        time.sleep(60)


def slow_body(abuser: Abuser) -> None:
    """A body that comes by the byte."""
    with abuser.connect() as connection:
        connection.sendall(abuser.head("POST /jobs", "Content-Type: application/json", "Content-Length: 200000"))
        while True:
            connection.sendall(b" ")
            time.sleep(0.5)


def huge_body(abuser: Abuser) -> None:
    """A hundred megabytes, said beforehand and sent all the same."""
    with abuser.connect() as connection:
        head = abuser.head("POST /jobs", "Content-Type: application/json", f"Content-Length: {HUGE_BYTES}")
        connection.sendall(head)
        for _ in range(HUGE_BYTES // 65_536):
            connection.sendall(b" " * 65_536)


def idle(abuser: Abuser) -> None:
    """A connection on which nothing is asked."""
    with abuser.connect():
        time.sleep(60)


def _bad_token(abuser: Abuser) -> bytes:
    # All that a token may have, and only its signature is wrong.
    head, _, signature = abuser.token.rpartition(".")
    return abuser.head("GET /jobs", token=f"{head}{'A' * (8_000 - len(abuser.token))}.{signature[::-1]}")


ABUSES: dict[str, tuple[int, Callable[[Abuser], None]]] = {
    "same result 100 times": (4, asking(lambda a: a.head(f"GET /jobs?{'&'.join([f'id={a.job_id}'] * 100)}"))),
    "filtered list": (4, asking(lambda a: a.head("GET /jobs?label.none=x&limit=100"))),
    "submit storm": (8, asking(lambda a: a.post())),
    "delayed submits": (8, asking(lambda a: a.post(delay=2_592_000))),
    "trailers of 10 MB": (4, trailers),
    "pipelines": (20, pipelines),
    "slow readers": (60, slow_reader),
    "slow bodies": (100, slow_body),
    "huge bodies": (4, huge_body),
    "bad tokens of 8 kB": (8, asking(_bad_token)),
    "idle connections": (400, idle),
}
"""By name: on how many connections at once, and what is done on each, over and over."""


def main() -> None:
    """Abuse until killed."""
    name, port, token, job_id = sys.argv[1:]
    at_once, abuse = ABUSES[name]
    abuser = Abuser(int(port), token, job_id)
    for _ in range(at_once):
        threading.Thread(target=_for_ever, args=(abuse, abuser), daemon=True).start()
    threading.Event().wait()


def _for_ever(abuse: Callable[[Abuser], None], abuser: Abuser) -> None:
    while True:
        with suppress(OSError, ValueError):
            abuse(abuser)
        time.sleep(AGAIN_S)


if __name__ == "__main__":
    main()
