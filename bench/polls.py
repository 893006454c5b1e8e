"""Polls a second, side by side in one run: `make bench`. Needs wrk on PATH. Figures are medians of the rounds."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pollable.cli.embedded import Private, find_server

ROUNDS, SECONDS, CONNECTIONS = 3, 4, 64
# As `python -m pollable serve` has it.
POLLABLE = ["--factory", "pollable.server:application", "--http", "pollable.http.connection:BoundedProtocol"]
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Measure, print a table."""
    program, wrk = find_server(), shutil.which("wrk")
    if program is None or wrk is None:
        sys.exit("The benchmark needs a Redis server and wrk on PATH.")
    redis = Private(program)
    contenders = {"constant": ["bench.contenders:constant"]}
    contenders["pollable"] = POLLABLE
    contenders["handwritten"] = ["--factory", "bench.contenders:handwritten"]
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    memory_mb: dict[str, float] = {}
    try:
        job_id = submitted(redis.url)
        for _ in range(ROUNDS):
            for name, arguments in contenders.items():
                with served(arguments, redis.url) as (port, pid):
                    url = f"http://127.0.0.1:{port}/job_status?job_id={job_id}"
                    figures[name].append(polls_per_second(wrk, url))
                    memory_mb[name] = resident_mb(pid)
    finally:
        redis.close()
    report(figures, memory_mb)


def submitted(redis_url: str) -> str:
    """A job that stays scheduled, so that every contender reads the same thing."""
    with served(POLLABLE, redis_url) as (port, _):
        body = json.dumps({"type": "generate_assessment", "payload": {"text": "Too short."}, "delay": 86_400}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/jobs", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["id"])


@contextmanager
def served(arguments: list[str], redis_url: str) -> Iterator[tuple[int, int]]:
    """One uvicorn process on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--log-level", "error", "--no-access-log", "--no-proxy-headers", "--loop", "uvloop"]
    environment = os.environ | {"REDIS_URL": redis_url, "POLLABLE_JOBS": "pollable.examples.assessment"}
    environment |= {"POLLABLE_AUTH": "none", "POLLABLE_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "uvicorn", *options, *arguments], cwd=ROOT, env=environment)
    try:
        wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int) -> None:
    """Until the port answers."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("a contender did not start")


def polls_per_second(wrk: str, url: str) -> float:
    """What wrk counts."""
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None or "Non-2xx" in output:
        sys.exit(f"wrk says: {output}")
    return float(found[1])


def resident_mb(pid: int) -> float:
    """Resident memory (Linux)."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024  # type: ignore[index]


def report(figures: dict[str, list[float]], memory_mb: dict[str, float]) -> None:
    """One row a contender."""
    slowest = statistics.median(figures["handwritten"])
    print(f"{ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections, one process each, Redis on the same machine")
    print(f"{'':12} {'polls/s':>9} {'x by hand':>10} {'memory MB':>10}")
    for name, values in figures.items():
        median = statistics.median(values)
        print(f"{name:12} {median:9.0f} {median / slowest:10.1f} {memory_mb[name]:10.0f}")


if __name__ == "__main__":
    main()
