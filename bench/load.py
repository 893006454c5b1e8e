"""Load on an HTTP server, by wrk; on Redis, by redis-benchmark. Each answer is looked at before anything is timed."""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from bench.cores import CORES
from bench.rounds import Failed

CONNECTIONS = 64
NO_WRK = "The benchmark needs wrk on PATH (on Debian: apt install wrk; on macOS: brew install wrk)."


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk saw."""

    per_second: float
    errors: int


def require_wrk() -> None:
    """End with one line where there is none."""
    if shutil.which("wrk") is None:
        sys.exit(NO_WRK)


def parsed(output: str) -> Load:
    """Requests a second; answers past 399 and broken connections. Raises `Failed` where wrk said something else."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if rate is None:
        raise Failed(f"wrk says: {output.strip()[-200:]}")
    refused = re.search(r"Non-2xx or 3xx responses:\s+(\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    errors = (int(refused[1]) if refused else 0) + (sum(map(int, broken.groups())) if broken else 0)
    return Load(per_second=float(rate[1]), errors=errors)


def requests_per_second(
    url: str,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    script: Path | None = None,
    arguments: tuple[str, ...] = (),
    connections: int = CONNECTIONS,
) -> float:
    """What wrk counts. A run in which one of a thousand failed is no measurement: raises `Failed`."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "5s"]
    command += [option for name, value in (headers or {}).items() for option in ("-H", f"{name}: {value}")]
    command += ["-s", str(script)] if script else []
    pinned = partial(os.sched_setaffinity, 0, CORES.load)
    try:
        # The rest of the time is for a server that ends its last answers late.
        done = subprocess.run(
            [*command, url, "--", *arguments], capture_output=True, text=True, timeout=seconds + 30, preexec_fn=pinned
        )
    except subprocess.TimeoutExpired:
        raise Failed("wrk did not end") from None
    load = parsed(done.stdout + done.stderr)
    if load.errors > load.per_second * seconds / 1000:
        raise Failed(f"{load.errors} of {load.per_second * seconds:.0f} requests failed")
    return load.per_second


def checked(url: str, is_right: Callable[[bytes], bool], headers: Mapping[str, str] | None = None) -> bytes:
    """The answer's body, once it is right; raises `Failed` where it is not."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise Failed(f"{url.partition('/')[2]}: {error}") from None
    if not is_right(body):
        raise Failed(f"answered {body[:200]!r}")
    return body


def redis_gets_per_second(socket: str, *, requests: int) -> float:
    """What Redis does without anyone: redis-benchmark's own GET, on as many connections. Raises `Failed`."""
    if shutil.which("redis-benchmark") is None:
        raise Failed("redis-benchmark is not on PATH")
    command = ["redis-benchmark", "-s", socket, "-c", str(CONNECTIONS), "-n", str(requests), "-t", "get", "--csv"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    found = re.search(r'"GET","([\d.]+)"', output)
    if found is None:
        raise Failed(f"redis-benchmark says: {output.strip()[-200:]}")
    return float(found[1])
