"""Pollable as it is measured: authentication on, logs as shipped, started as the Procfile starts it."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import jwt
import msgspec

from bench import environments
from bench.load import checked
from bench.processes import ROOT, free_port, running, wait_for
from bench.rounds import Failed

SECRET = "a secret of the benchmark's own, long enough for HS256"
SUBJECT = "ann"
DAY_MS = 86_400_000
# Limits that the contenders have none of. All else is as shipped.
UNLIMITED = {
    "POLLABLE_QUOTA_WRITES": "0",
    "POLLABLE_OWNER_MAX_JOBS": "0",
    "POLLABLE_OWNER_MAX_BYTES": "0",
    "POLLABLE_MAX_QUEUE_DEPTH": "1000000000",
}


class Server(msgspec.Struct, frozen=True):
    """One that listens: where, in which process, and what a request to it carries."""

    port: int
    pid: int
    headers: dict[str, str] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def bearer(key: Any = SECRET, algorithm: str = "HS256") -> dict[str, str]:
    """The header with a token for a day."""
    headers = {"kid": "bench"} if algorithm == "RS256" else None
    claims = {"sub": SUBJECT, "exp": int(time.time()) + 86_400}
    return {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm=algorithm, headers=headers)}"}


@cache
def python() -> str:
    """The interpreter of an installation without extras, as `pip install pollable` makes it. Raises `Failed`."""
    return str(environments.environment("pollable") / "python")


def environment(redis_url: str, **more: str) -> dict[str, str]:
    """Of web processes and workers."""
    settings = {"REDIS_URL": redis_url, "POLLABLE_JOBS": "bench.jobs", "POLLABLE_HOST": "127.0.0.1"}
    keys = {} if "POLLABLE_JWKS_URL" in more else {"POLLABLE_JWT_SECRET": SECRET}
    source = {"PYTHONPATH": str(ROOT / "service")}
    return settings | source | {"POLLABLE_AUTH": "jwt"} | keys | UNLIMITED | more


@contextmanager
def web(redis_url: str, headers: dict[str, str] | None = None, **more: str) -> Iterator[Server]:
    """`pollable serve`."""
    port = free_port()
    told = environment(redis_url, PORT=str(port), **more)
    with running([python(), "-m", "pollable", "serve"], told) as process:
        wait_for(port, process)
        yield Server(port, process.pid, headers or bearer())


@contextmanager
def worker(redis_url: str, *options: str, **more: str) -> Iterator[int]:
    """`python worker.py`: its process. Raises `Failed` for an option that is not there, and where it has ended."""
    if missing := [option for option in options if option.startswith("--") and option not in worker_options()]:
        raise Failed(f"{missing[0]} is not there")
    with running([python(), "worker.py", *options], environment(redis_url, **more)) as process:
        yield process.pid
        if process.poll() is not None:
            raise Failed(f"the worker ended with code {process.returncode}")


@cache
def worker_options() -> str:
    """What it says of them."""
    command = [python(), "worker.py", "--help"]
    return subprocess.run(command, cwd=ROOT, env=environment(""), capture_output=True, text=True, check=True).stdout


def submitted(server: Server, size: int, **more: Any) -> str:
    """The id of a new job. Raises `Failed`."""
    body = {"type": "repeat", "payload": {"size": size}} | more
    return str(json.loads(asked(server, "/jobs", body))["id"])


def asked(server: Server, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> bytes:
    """The answer to a POST. Raises `Failed`."""
    given = server.headers | {"Content-Type": "application/json"} | dict(headers or {})
    request = urllib.request.Request(server.url(path), json.dumps(body).encode(), given)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            taken: bytes = answer.read()
            return taken
    except urllib.error.HTTPError as error:
        raise Failed(f"POST {path}: {error.code} {error.read()[:200]!r}") from None
    except OSError as error:
        raise Failed(f"POST {path}: {error}") from None


def ended(server: Server, redis_url: str, *sizes: int) -> list[str]:
    """Jobs that a worker has run to their end. Raises `Failed`."""
    ids = [submitted(server, size) for size in sizes]
    with worker(redis_url):
        for job_id, size in zip(ids, sizes, strict=True):
            until_answered(server, f"/job_status?job_id={job_id}", b"x" * size)
    return ids


def until_answered(server: Server, path: str, part: bytes, *, within_s: float = 30) -> bytes:
    """The first answer with that part in it. Raises `Failed`."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return checked(server.url(path), lambda body: part in body, server.headers)
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
