"""Shutdowns at every moment: at random, just after a push, inside a log write, to the whole group."""

import fcntl
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from chaos.processes import Process
from chaos.scenario import Found, Scenario, Size, lease
from chaos.trial import Trial, trial
from chaos.waiting import NotInTime, until

GRACE_S = 6
PIPE_BYTES = 4096


def run(size: Size, seed: int) -> Found:
    """Some workers at a time, each started, stopped, and followed by another."""
    with trial(seed=seed, settings=lease(size)) as sweep:
        sweep.open(workers=0)
        moments = [list(MOMENTS)[number % len(MOMENTS)] for number in range(int(size["shutdowns"]))]
        sweep.random.shuffle(moments)
        counts: Counter[str] = Counter()
        lanes = [
            threading.Thread(target=_lane, args=(sweep, size, moments, counts)) for _ in range(int(size["at_once"]))
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        sweep.worker()
        sweep.until_ended(within_s=60 + 4 * GRACE_S)
        sweep.judge()
        sweep.figures["shutdowns"] = dict(counts)
        sweep.require(sum(counts.values()) == size["shutdowns"], f"not all shutdowns were made: {counts}")
        sweep.require(sweep.figures["failed"] == 0, "a job failed because its worker was stopped")
        return Found(sweep.violations, sweep.figures)


def _lane(sweep: Trial, size: Size, moments: list[str], counts: Counter[str]) -> None:
    random = Random(sweep.random.random())
    while moments:
        with suppress(IndexError):
            moment = moments.pop()
            try:
                _shut_down(sweep, size, moment, random)
                counts[moment] += 1
            except NotInTime as error:
                sweep.violations.append(f"a shutdown {moment}: {error}")


def _shut_down(sweep: Trial, size: Size, moment: str, random: Random) -> None:
    """Start a worker, give it jobs, end it; its exit code is 0 within the grace."""
    with _Pipe() as pipe:
        output = pipe.writer if moment == "inside_a_log_write" else None
        worker = sweep.deployment.worker("--grace-s", str(GRACE_S), output=output)
        until(lambda: sweep.deployment.listens(worker), within_s=60, what="a worker that listens")
        MOMENTS[moment](sweep, worker, pipe, random)
        began_at = time.monotonic()
        code = worker.exited(within_s=GRACE_S + size["slack_s"])
        sweep.require(code == 0, f"a shutdown {moment} ended with {code}: {worker.log[-500:]}")
        slowest = max(sweep.figures.get("longest_shutdown_s", 0), round(time.monotonic() - began_at, 2))
        sweep.figures["longest_shutdown_s"] = slowest


def _at_random(sweep: Trial, worker: Process, _: "_Pipe", random: Random) -> None:
    """Some of the jobs end within the grace, some do not."""
    for nap_s in (0.05, 0.3, random.choice((0.5, 2 * GRACE_S))):
        sweep.must_submit("nap_at_first", {"nap_s": nap_s})
    time.sleep(random.uniform(0, 1))
    worker.send(signal.SIGTERM)


def _after_a_push(sweep: Trial, worker: Process, _: "_Pipe", random: Random) -> None:
    sweep.must_submit("nap", {"nap_s": 0.05})
    # From before a worker takes the job until just after.
    time.sleep(random.uniform(0, 0.004) if random.random() < 0.5 else random.uniform(0, 0.08))
    worker.send(signal.SIGTERM)


def _inside_a_log_write(sweep: Trial, worker: Process, pipe: "_Pipe", _: Random) -> None:
    """The log is a pipe that is full: whatever is logged next waits, and the signal comes meanwhile."""
    pipe.fill()

    def is_caught() -> bool:
        # Another worker may take it.
        sweep.must_submit("poison", {"what": "once"})
        return any(map(_is_writing, (worker.pid, *worker.horses())))

    until(is_caught, within_s=30, what="a worker that logs", every_s=0.5)
    worker.send(signal.SIGTERM)
    pipe.drain()


def _to_the_group(sweep: Trial, worker: Process, _: "_Pipe", random: Random) -> None:
    sweep.must_submit("nap_at_first", {"nap_s": random.choice((0.3, 2 * GRACE_S))})
    time.sleep(random.uniform(0, 1))
    horses = worker.horses()
    worker.send_group(signal.SIGTERM)
    for horse in horses:
        with suppress(ProcessLookupError):
            os.kill(horse, signal.SIGTERM)


MOMENTS: dict[str, Callable[[Trial, Process, "_Pipe", Random], None]] = {
    "at_random": _at_random,
    "after_a_push": _after_a_push,
    "inside_a_log_write": _inside_a_log_write,
    "to_the_group": _to_the_group,
}


class _Pipe:
    """What a worker may log to, read only when it is said to be."""

    def __enter__(self) -> "_Pipe":
        self._reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.writer = os.fdopen(writing, "wb", buffering=0)
        return self

    def fill(self) -> None:
        os.set_blocking(self.writer.fileno(), False)
        with suppress(BlockingIOError):
            while self.writer.write(b"x" * 64):
                pass
        # The flag belongs to the pipe's end, which the worker shares.
        os.set_blocking(self.writer.fileno(), True)

    def drain(self) -> None:
        """From now on, until its last writer has gone."""
        self.writer.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with os.fdopen(os.dup(self._reading), "rb") as file:
            while file.read(4096):
                pass

    def __exit__(self, *_: object) -> None:
        self.writer.close()
        os.close(self._reading)


def _is_writing(pid: int) -> bool:
    """Whether one of its threads waits for room in a pipe (Linux); another that logs then waits for that one."""
    with suppress(OSError):
        return any("pipe" in task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/wchan"))
    return False


scenario = Scenario(
    name="sigterm_sweep",
    procedure="shutdowns at random, within 4 ms of a push, inside a log write, to the whole group",
    passes="0 stranded, 0 failed, exit code 0 within the grace",
    full={"shutdowns": 200, "at_once": 4, "lease_s": 6, "slack_s": 1},
    # A busy machine makes everybody wait.
    short={"shutdowns": 8, "at_once": 4, "lease_s": 2, "slack_s": 5},
    run=run,
)
