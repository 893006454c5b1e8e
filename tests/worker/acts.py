"""What the jobs of these tests do: one function for each behaviour, registered under its own name."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from rq import get_current_job

from pollable import JobError, job_context, job_type, report_progress
from pollable.worker import bells
from tests.worker.journal import JOURNAL

SLOW_FORK_S = "ACTS_SLOW_FORK_S"
LOOK_S = "ACTS_LOOK_S"


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    """What a test asks of an act: how long it takes, and on which attempt it succeeds."""

    nap_s: float = 0.0
    succeeds_on: int = 1
    what: str = ""


def note(event: str) -> int:
    """Write a line to the journal; how many lines of this event the job has by now."""
    job = get_current_job()
    job_id = job.id if job else "-"
    journal = Path(os.environ[JOURNAL])
    with journal.open("a") as file:
        file.write(f"{event} {job_id} {os.getpid()} {os.getppid()} {time.time()}\n")
    return sum(line.startswith(f"{event} {job_id} ") for line in journal.read_text().splitlines())


def forged(*_: object) -> None:
    """Nothing registered: whoever gets this called got round the list of job types."""
    note("forged")


@job_type("nap")
def nap(plan: Plan) -> int:
    note("start")
    time.sleep(plan.nap_s)
    note("end")
    return os.getpid()


@job_type("look_around")
def look_around(plan: Plan) -> dict[str, Any]:
    """What the job knows of itself, told from a thread of its own; reports its progress from there too."""
    note("start")
    with ThreadPoolExecutor(1) as pool:
        context = pool.submit(job_context).result()
        pool.submit(report_progress, 40, "from a thread").result()
    time.sleep(plan.nap_s)
    return msgspec.to_builtins(context)  # type: ignore[no-any-return]  # a Struct becomes a dict


@job_type("misfit", max_attempts=3)
def misfit(_: Plan) -> int:
    note("start")
    return "three"  # type: ignore[return-value]  # what the test is about


@job_type("long_at_first")
def long_at_first(plan: Plan) -> int:
    """Takes `nap_s` on every attempt before the one that succeeds."""
    attempt = note("start")
    if attempt < plan.succeeds_on:
        time.sleep(plan.nap_s)
    note("end")
    return attempt


@job_type("fail_at_first", max_attempts=2, retry_delays_s=(2,))
def fail_at_first(plan: Plan) -> int:
    attempt = note("start")
    if attempt < plan.succeeds_on:
        raise JobError("not_yet", f"attempt {attempt}")
    return attempt


@job_type("swallow_timeout")
def swallow_timeout(plan: Plan) -> None:
    note("start")
    ends_at = time.monotonic() + plan.nap_s
    while time.monotonic() < ends_at:
        try:
            time.sleep(0.1)
        except Exception as error:
            note(f"swallowed-{type(error).__name__}")


@job_type("hold_lock")
def hold_lock(plan: Plan) -> str:
    """Holds the interpreter lock, as a long call into C does."""
    note("start")
    sleep = ctypes.PyDLL(None).usleep
    ends_at = time.monotonic() + plan.nap_s
    while time.monotonic() < ends_at:
        sleep(900_000)
    return "held"


def no_steps() -> Iterator[int]:
    yield from ()


@job_type("return_badly")
def return_badly(plan: Plan) -> Any:
    note("start")
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return {
        "set": {1, 2},
        "nan": float("nan"),
        "infinity": [float("-inf")],
        "deep": deep,
        "large": "x" * 2_000_000,
        "surrogate": "\ud800",
        "object": object(),
        "bytes": b"\x00",
        "tuple_keys": {(1, 2): 3},
        "generator": no_steps(),
        "huge_integer": 10**5000,
        "itself": sys.modules,
    }[plan.what]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class SlowToTell(Exception):
    """Told quickly once, and slowly to whoever asks again, which is RQ after the job has ended."""

    times_told = 0

    def __str__(self) -> str:
        self.times_told += 1
        time.sleep(1.2 if self.times_told > 1 else 0)
        return "slow to tell"


@job_type("end_badly")
def end_badly(plan: Plan) -> None:
    note("start")
    match plan.what:
        case "exit_0":
            os._exit(0)
        case "exit_3":
            os._exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sys_exit":
            sys.exit()
        case "interrupt":
            raise KeyboardInterrupt
        case "memory":
            raise MemoryError
        case "surrogate":
            raise ValueError("\ud800")
        case "unspeakable":
            raise Unspeakable
        case "slow_to_tell":
            raise SlowToTell
        case "coded":
            raise JobError("too_blue", "The sky was too blue.\n\n" * 80)


@job_type("report")
def report(plan: Plan) -> None:
    note("start")
    for step in range(1, 201):
        report_progress(step / 4, f"step {step}")
        time.sleep(0.005)
    time.sleep(plan.nap_s)


@job_type("start_program")
def start_program(plan: Plan) -> int:
    """The exit code of a program that was sent SIGTERM and has no handler of its own."""
    note("start")
    with subprocess.Popen(["sleep", str(plan.nap_s)]) as program:
        program.terminate()
        try:
            return program.wait(10)
        finally:
            program.kill()


# A loaded machine, on demand: signals then find each forked child before it has set its own handlers.
slow_fork_s = float(os.environ.get(SLOW_FORK_S, 0))
if slow_fork_s:
    os.register_at_fork(after_in_child=lambda: time.sleep(slow_fork_s))
bells.LOOK_S = float(os.environ.get(LOOK_S, bells.LOOK_S))
