"""Real processes on the Redis of the tests: workers, RQ's own tools and its dashboard."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LEASE_S = 1


def environment(redis_url: str) -> dict[str, str]:
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": redis_url,
        "POLLABLE_JOBS": "tests.rq.rqjobs",
        "POLLABLE_LEASE_S": str(LEASE_S),
    }


def finished(redis_url: str, *command: str, within_s: float = 30) -> str:
    """Run one of the tools to its end; its output. Fails the test when the tool fails."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        env=environment(redis_url),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def running(redis_url: str, command: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process, with its group, for the length of a block; what it says is in `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=environment(redis_url),
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
            process.wait(timeout=10)
        finally:
            _kill_group(process.pid)
            process.wait()


def worker(redis_url: str, log: Path, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Our worker, as the Procfile starts it."""
    return running(redis_url, [sys.executable, ROOT / "worker.py", "--grace-s", "3", *options], log)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
