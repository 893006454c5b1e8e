"""Processes of the service, seen from outside: started as an operator would, asked over HTTP."""

import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


class Running:
    """A service at an address; `log` is all that its processes have printed."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self._log = log
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=10)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def submit(self, **payload: object) -> str:
        answer = self.http.post("/generate_assessment", json=payload)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job_status(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get("/job_status", params={"job_id": job_id})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def stop(self, *, within_s: float = 30) -> int:
        """Send SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(within_s)


def until(condition: Callable[[], object], *, within_s: float = 20) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.05)


def free_port() -> int:
    """A port where nobody listens, and that no other process of the same test run is given."""
    return next(port for port in _ports if _is_free(port))


def _own_ports() -> Iterator[int]:
    # Below those that the system hands out by itself, so that nothing else comes by one between the look and the use.
    # Each process of a parallel run has a range of its own, and goes through all of it before it gives one out again.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 40
    ports = range(12_000 + 500 * number, 12_500 + 500 * number)
    # Two runs side by side would else begin with the same one.
    return cycle(random.sample(ports, len(ports)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what the last one's connections left behind is no listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


_ports = _own_ports()


@contextmanager
def demo_port() -> Iterator[None]:
    """For one demo at a time: each looks whether port 8000 is free, and its web process takes it later."""
    with (Path(tempfile.gettempdir()) / f"pollable-demo-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without settings of the service, and with these. `python` is the tests' own."""
    ours = ("POLLABLE_", "REDIS_URL", "PORT", "WEB_CONCURRENCY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), **settings}


@contextmanager
def running(command: list[str], *, url: str, log: Path, settings: dict[str, str]) -> Iterator[Running]:
    """The command in a process group of its own, nothing of which is left afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(**settings), stdout=output, stderr=output, start_new_session=True
        )
    service = Running(process, url=url, log=log)
    try:
        yield service
    finally:
        service.http.close()
        _end(process)


@contextmanager
def procfile_running(*, log: Path, settings: dict[str, str]) -> Iterator[Running]:
    """What the Procfile says, as honcho starts it, on a free port; not ready yet."""
    port = free_port()
    command = [sys.executable, "-m", "honcho", "start", "--no-colour", "--port", str(port)]
    with running(command, url=f"http://127.0.0.1:{port}", log=log, settings=settings) as service:
        yield service


def listens(service: Running) -> bool:
    return answers(service, "/healthz")


def is_ready(service: Running) -> bool:
    return answers(service, "/readyz")


def answers(service: Running, path: str) -> bool:
    assert service.process.poll() is None, service.log
    try:
        return service.http.get(path).status_code == 200
    except httpx.TransportError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(30)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
