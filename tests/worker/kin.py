"""Jobs that start processes, each in a way of its own; every one of them tells its number."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from pollable import job_context, job_type
from tests.worker.acts import note
from tests.worker.journal import JOURNAL
from tests.worker.waiting import is_alive, until

LIFE_S = 120
PROGRAM = f'echo $$ >> "$0"; exec sleep {LIFE_S}'
FORKED = get_context("fork")


class Family(msgspec.Struct):
    """How a test's job ends, once everybody whom it started lives."""

    ending: str = "return"


def roll() -> Path:
    return Path(f"{os.environ[JOURNAL]}.kin")


def enlisted() -> list[int]:
    """Every process that jobs of this journal started."""
    return [int(pid) for pid in roll().read_text().split()] if roll().exists() else []


def live() -> None:
    with roll().open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(LIFE_S)
    os._exit(0)


def program(*wrapper: str, **how: bool) -> None:
    subprocess.Popen([*wrapper, "/bin/sh", "-c", PROGRAM, str(roll())], **how)  # type: ignore[call-overload]  # flags


def fork() -> None:
    if os.fork() == 0:
        live()


def daemon() -> None:
    """As daemons detach themselves: nothing is left of where they come from, and no program is begun."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 1000)
            live()
        os._exit(0)
    os.wait()


def nephew() -> None:
    """The child of a child that has gone."""
    program("/bin/sh", "-c", '"$@" & exit 0', "sh")


STARTS: list[Callable[[], None]] = [
    fork,
    daemon,
    nephew,
    program,
    lambda: program(start_new_session=True),
    lambda: program("/usr/bin/env", "-i", "/usr/bin/setsid"),
    lambda: FORKED.Process(target=live).start(),
]


@job_type("raise_family", max_attempts=2)
def raise_family(family: Family) -> list[int]:
    """Those of an earlier attempt that are still there."""
    earlier = [pid for pid in enlisted() if is_alive(pid)]
    note("start")
    if job_context().attempt > 1:
        return earlier
    before = len(enlisted())
    for start in STARTS:
        start()
    until(lambda: len(enlisted()) - before == len(STARTS), within_s=30, what="the family")
    note("family")
    while family.ending == "wait":
        time.sleep(0.05)
    while family.ending == "swallow":
        try:
            time.sleep(LIFE_S)
        except Exception:
            note("swallowed")
    if family.ending == "raise":
        raise ValueError("no more")
    if family.ending == "exit":
        os._exit(3)
    return []


@job_type("leave_orphans")
def leave_orphans(_: Family) -> int:
    """Orphans that end by themselves, while the job goes on."""
    note("start")
    for _number in range(5):
        subprocess.run(["/bin/sh", "-c", "sleep 0.2 & exit 0"], check=True)
    time.sleep(3)
    return os.getppid()


def square(number: int) -> int:
    return number * number


def pool() -> Callable[[], object]:
    executor = ProcessPoolExecutor(2, mp_context=FORKED)
    executor.submit(square, 2).result()
    return lambda: list(executor.map(square, range(4)))


def process() -> Callable[[], object]:
    ours, theirs = FORKED.Pipe()
    child = FORKED.Process(target=lambda: theirs.send(square(theirs.recv())))
    child.start()

    def ask() -> tuple[object, int | None]:
        ours.send(3)
        child.join()
        return ours.recv() if ours.poll() else None, child.exitcode

    return ask


def cat() -> Callable[[], object]:
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=os.setpgrp)
    return lambda: [child.communicate(b"meow")[0].decode(), child.returncode]


HELPERS = {"pool": pool, "process": process, "program": cat}


class Helper(msgspec.Struct):
    what: str


@job_type("have_helpers")
def have_helpers(helper: Helper) -> Any:
    """What processes answer that were started by a thread which has ended since."""
    made: list[Callable[[], object]] = []
    thread = threading.Thread(target=lambda: made.append(HELPERS[helper.what]()))
    thread.start()
    thread.join()
    time.sleep(0.5)
    return made[0]()
