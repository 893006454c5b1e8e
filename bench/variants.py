"""Polls that differ from the plain one in one thing: the token's algorithm, a quota, `If-None-Match`."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from bench import service
from bench.figures import beside, outcome
from bench.load import checked, requests_per_second
from bench.processes import own_redis
from bench.rounds import Failed, Turn, interleaved
from bench.service import Server

SIZE = 20
ROUNDS, SECONDS = 5, 4.0
QUICK_ROUNDS, QUICK_SECONDS = 2, 1.0
PLAIN, SIGNED, LIMITED, UNCHANGED = "HS256, no quota, 200", "RS256", "with a quota", "304"
MUST = {SIGNED: 0.95, LIMITED: 0.85, UNCHANGED: 1.1}
# More than any run reaches: each poll is counted, none is refused.
QUOTA = "1000000000"


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Polls a second of each, beside those of the plain one."""
    seconds = QUICK_SECONDS if is_quick else SECONDS
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis())
        plain = stack.enter_context(service.web(redis.url))
        path = f"/job_status?job_id={service.ended(plain, redis.url, SIZE)[0]}"
        private, keys_url = stack.enter_context(key_server())
        signed = stack.enter_context(
            service.web(redis.url, service.bearer(private, "RS256"), POLLABLE_JWKS_URL=keys_url)
        )
        limited = stack.enter_context(service.web(redis.url, POLLABLE_QUOTA_POLLS=QUOTA))
        turns: dict[str, Turn] = {UNCHANGED: turn(plain, path, seconds, {"If-None-Match": etag(plain, path)})}
        for name, server in ((PLAIN, plain), (SIGNED, signed), (LIMITED, limited)):
            turns[name] = turn(server, path, seconds)
        figures, failed = interleaved(turns, rounds=QUICK_ROUNDS if is_quick else ROUNDS)
    whats = {SIGNED: "polls with RS256, beside HS256", LIMITED: "polls under a quota, beside none"}
    whats[UNCHANGED] = "304 on `If-None-Match`, beside a 200"
    rows = [beside(what, figures, (name, PLAIN), target=MUST[name]) for name, what in whats.items()]
    return outcome(rows, figures, failed=failed)


def turn(server: Server, path: str, seconds: float, more: dict[str, str] | None = None) -> Turn:
    """A run of wrk, on an answer that is right."""
    url, headers = server.url(path), server.headers
    checked(url, lambda body: b"x" * SIZE in body, headers)
    return lambda: requests_per_second(url, seconds=seconds, headers=headers | (more or {}))


def etag(server: Server, path: str) -> str:
    """The answer's, which must be good for a 304. Raises `Failed`."""
    request = urllib.request.Request(server.url(path), headers=server.headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        told = str(answer.headers["ETag"])
    again = urllib.request.Request(server.url(path), headers=server.headers | {"If-None-Match": told})
    try:
        urllib.request.urlopen(again, timeout=10)
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return told
    raise Failed("If-None-Match is not answered with a 304")


@contextmanager
def key_server() -> Iterator[tuple[rsa.RSAPrivateKey, str]]:
    """A private key, and where its public half is."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": "bench", "alg": "RS256", "use": "sig"}
    body = msgspec.json.encode({"keys": [public]})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield private, f"http://127.0.0.1:{server.server_address[1]}/keys"
    finally:
        server.shutdown()
        server.server_close()
