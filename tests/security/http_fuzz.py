"""Requests out of generated pieces, whole and broken, against a running service: `python -m tests.security.http_fuzz`.

Whatever is sent, each connection gets answers of HTTP or is closed in time, none of them a 5xx; nothing is submitted
that was part of a body, a header or a trailer; and a request in order is answered afterwards.
"""

import argparse
import contextlib
import random
import socket
import sys
import time
from collections.abc import Iterator

from tests.http.wire import heard

QUIET_S = 0.05
SUBMITTED = b'{"type":"anything","payload":[true]}'
SMUGGLED = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED += b"Content-Length: %d\r\n\r\n" % len(SUBMITTED) + SUBMITTED
CONTROL = b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

METHODS = [b"GET", b"GET", b"POST", b"HEAD", b"DELETE", b"OPTIONS", b"CONNECT", b"get", b"\x00", b""]
TARGETS = [b"/jobs", b"/jobs/x", b"/healthz", b"*", b"http://elsewhere/jobs", b"//", b"/%00%ff", b"/a b", b"\xff", b""]
VERSIONS = [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b""]
ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b""]
HEADERS = [
    *(b"Host: localhost", b"Host:", b"Host: a\x00b", b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: -1"),
    *(b"Content-Length: " + b"9" * 5000, b"Content-Length : 5", b"Transfer-Encoding: chunked", b"Expect: 100-continue"),
    *(b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding:\x0bchunked"),
    *(b"Connection: close", b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: websocket", b" folded"),
    *(b"Authorization: Bearer a", b"Content-Type: application/json", b"X: " + b"a" * 3000, b"X: \xff", b": x", b"x"),
    *(b"Idempotency-Key: " + b"k" * 300, b"Prefer: wait=x", b"X-Forwarded-For: 1.2.3.4", b"Accept: \x7f"),
]
BODIES = [
    *(b"", b"hello", b'{"type":1}', b"5\r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\nHost: a\r\nX: y\r\n\r\n"),
    *(
        b"fffffffffffffffff\r\n",
        b"-1\r\n",
        b"5\nhello\n0\n\n",
        b"1\r\na\r\n" * 50 + b"0\r\n\r\n",
        b"0\r\nX: " + b"a" * 40_000,
    ),
    b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
]


def requests(chance: random.Random) -> Iterator[bytes]:
    """Packets of one connection."""
    sent = b"".join(request(chance) for _ in range(chance.choice([1, 1, 2, 3, 40])))
    # A length that is misspelt makes what would be smuggled a request like any other.
    for _ in range(0 if SMUGGLED in sent else chance.choice([0, 0, 1, 5])):
        at = chance.randrange(len(sent) + 1)
        sent = sent[:at] + chance.choice([b"", b"\r\n", b"\x00", b"\xff", chance.randbytes(3)]) + sent[at + 1 :]
    for _ in range(20):
        size = chance.choice([1, 7, 100, 1_023, 1_024, 100_000, 100_000, 100_000])
        yield sent[:size]
        sent = sent[size:]
    yield sent


def request(chance: random.Random) -> bytes:
    """One, near to what HTTP is."""
    if chance.random() < 0.3:
        # In order: with it the generated bodies are reached, and hold what would be a request if it were read as one.
        body = chance.choice(BODIES) if chance.random() < 0.5 else SMUGGLED
        framing = b"Content-Length: %d" % len(body) if chance.random() < 0.5 else b"Transfer-Encoding: chunked"
        if framing.startswith(b"T"):
            body = b"%x\r\n%b\r\n0\r\nX-Trailer: y\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        return b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n\r\n" + body
    end = chance.choice(ENDS)
    line = b" ".join([chance.choice(METHODS), chance.choice(TARGETS), chance.choice(VERSIONS)])
    fields = [b"Host: localhost", *(chance.choice(HEADERS) for _ in range(chance.randrange(6)))]
    chance.shuffle(fields)
    return end.join([line, *fields, b"", chance.choice(BODIES)])


def statuses(received: bytes) -> list[int]:
    """Those of the answers that a connection gave. Raises ValueError for what is none."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        version, status, _ = line.split(b" ", 2)
        if version != b"HTTP/1.1":
            raise ValueError(line)
        found.append(int(status))
        headers = dict(each.lower().split(b": ", 1) for each in lines)
        # The answer to HEAD names a length and has no body.
        if not received.startswith(b"HTTP/1.1 "):
            received = received[int(headers.get(b"content-length", b"0")) :]
    return found


def fuzz(port: int, *, seed: int, seconds: float) -> int:
    """How many connections there were. Raises AssertionError with the seed of one that got what it should not."""
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        number += 1
        attempt(port, f"{seed}:{number}")
        if number % 50 == 0:
            control(port)
    control(port)
    return number


def attempt(port: int, seed: str) -> None:
    """One connection, made from its seed alone."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        with contextlib.suppress(ConnectionError):
            for packet in requests(random.Random(seed)):
                client.sendall(packet)
        client.settimeout(QUIET_S)
        received, _ = heard(client)
    try:
        bad = [status for status in statuses(received) if status >= 500]
    except (ValueError, IndexError) as error:
        raise AssertionError(f"seed {seed}: no HTTP: {received[:500]!r}") from error
    assert not bad, f"seed {seed}: {bad} in {received[:500]!r}"


def control(port: int) -> None:
    """Nothing was submitted, and that is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(CONTROL)
        received, _ = heard(client)
    assert received.startswith(b"HTTP/1.1 200 "), received[:200]
    assert b'"jobs":[]' in received, received[:500]


def main() -> int:
    """Fuzz a service of its own; the exit code."""
    from tests.security.fuzzed import service

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    with service() as port:
        number = fuzz(port, seed=arguments.seed, seconds=arguments.seconds)
    print(f"http_fuzz: {number} connections with seed {arguments.seed}, all answered or closed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
