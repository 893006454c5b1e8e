"""Whom a mark belongs to, and who is left alone."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pollable.worker.offspring import begin, end, end_forsaken, mark_of
from tests.worker.waiting import is_alive, until

RLIMIT_LOCKS = 10
LIFE_S = "60"

pytestmark = pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="marks are Linux'")


@pytest.fixture
def bearing() -> Iterator[Callable[[int], int]]:
    """Starts a process that bears the mark."""
    with ExitStack() as stack:

        def start(mark: int) -> int:
            child = subprocess.Popen(["sleep", LIFE_S], preexec_fn=lambda: begin(mark))
            stack.callback(child.wait)
            stack.callback(child.kill)
            return child.pid

        yield start


def ended() -> int:
    """The mark of a worker that is no more."""
    with subprocess.Popen(["sleep", LIFE_S]) as worker:
        mark = mark_of(worker.pid)
        worker.kill()
    return mark


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param(lambda: 0, id="none"),
        pytest.param(lambda: 1024, id="a limit that somebody set"),
        pytest.param(lambda: 2**62, id="a high limit that somebody set"),
        pytest.param(lambda: mark_of(os.getpid()), id="that of a living worker"),
        pytest.param(lambda: ended() ^ 1 << 42, id="that of a dead worker in another container"),
    ],
)
def test_who_is_not_forsaken_lives_on(bearing: Callable[[int], int], mark: Callable[[], int]) -> None:
    pid, forsaken = bearing(mark()), bearing(ended())
    end_forsaken()
    until(lambda: not is_alive(forsaken), within_s=5, what="the end of the forsaken")
    assert is_alive(pid)


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param(ended, id="a dead worker"),
        pytest.param(lambda: mark_of(os.getpid()) ^ 1 << 30, id="a dead worker whose number is in use again"),
    ],
)
def test_those_of_a_dead_worker_are_ended(bearing: Callable[[int], int], mark: Callable[[], int]) -> None:
    pid = bearing(mark())
    end_forsaken()
    until(lambda: not is_alive(pid), within_s=5, what="the end of the forsaken")


def test_a_worker_that_nobody_has_waited_for_is_dead() -> None:
    with subprocess.Popen(["sleep", LIFE_S]) as worker:
        assert mark_of(worker.pid)
        worker.kill()
        until(lambda: not is_alive(worker.pid), within_s=5, what="the end of the worker")
        assert mark_of(worker.pid) == 0


def test_only_those_of_the_same_worker_end(bearing: Callable[[int], int]) -> None:
    ours, theirs = mark_of(os.getpid()), mark_of(os.getppid())
    mine, neighbour = bearing(ours), bearing(theirs)
    end(ours)
    until(lambda: not is_alive(mine), within_s=5, what="the end of ours")
    assert is_alive(neighbour)
    end(0)
    assert is_alive(neighbour)


def test_who_starts_another_all_the_time_does_not_get_away(tmp_path: Path) -> None:
    runner = f"echo $$ > {tmp_path}/pid; sleep 0.01; exec setsid /bin/sh {tmp_path}/runner &"
    (tmp_path / "runner").write_text(runner)
    mark = ended()
    with subprocess.Popen(["/bin/sh", str(tmp_path / "runner")], preexec_fn=lambda: begin(mark)):
        until((tmp_path / "pid").exists, within_s=30, what="the runner")
        time.sleep(0.2)
        end_forsaken()
        last = (tmp_path / "pid").read_text()
        time.sleep(0.5)
        assert (tmp_path / "pid").read_text() == last


def test_a_mark_that_is_not_allowed_is_no_error() -> None:
    """An administrator's hard limit is lower than any mark."""
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(RLIMIT_LOCKS, (1024, 1024))
        begin(mark_of(os.getpid()))
        os._exit(resource.getrlimit(RLIMIT_LOCKS) != (1024, 1024))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
