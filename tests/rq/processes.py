"""Real processes on the Redis of the tests: workers, RQ's own tools and its dashboard."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx

from tests.system.running import free_port, until

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LEASE_S = 1


def environment(redis_url: str, **settings: str) -> dict[str, str]:
    ours = {"POLLABLE_JOBS": "tests.rq.rqjobs", "POLLABLE_LEASE_S": str(LEASE_S)}
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": redis_url,
        **(ours | settings),
    }


def finished(redis_url: str, *command: str, within_s: float = 30, **settings: str) -> str:
    """Run one of the tools to its end; its output. Fails the test when the tool fails."""
    done = ended(redis_url, *command, within_s=within_s, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ended(redis_url: str, *command: str, within_s: float = 30, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run one of the tools to its end, whatever that is."""
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        env=environment(redis_url, **settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


@contextmanager
def running(
    redis_url: str, command: Sequence[str | Path], log: Path, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, with its group, for the length of a block; what it says is in `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=environment(redis_url, **settings),
            cwd=ROOT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        finally:
            _kill_group(process.pid)
            process.wait()


def worker(
    redis_url: str, log: Path, *options: str, **settings: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Our worker, as the Procfile starts it."""
    return running(redis_url, [sys.executable, ROOT / "worker.py", "--grace-s", "3", *options], log, **settings)


@contextmanager
def web(redis_url: str, log: Path, **settings: str) -> Iterator[httpx.Client]:
    """Our web process, once it listens."""
    port = free_port()
    with (
        running(
            redis_url,
            [sys.executable, "-m", "pollable", "serve"],
            log,
            PORT=str(port),
            POLLABLE_HOST="127.0.0.1",
            **settings,
        ),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client,
    ):
        until(lambda: listens(client, "/healthz"), within_s=60)
        yield client


def listens(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
