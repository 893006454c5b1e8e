"""Jobs that leave something behind in their process, or find what an earlier one left."""

import os
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

from pollable import JobError, horse_init, job_context, job_type
from tests.worker.acts import Plan, note

LEFT_THREAD = "left behind"
_begun: list[int] = []
_hoard: list[bytearray] = []


@horse_init
def begin() -> None:
    _begun.append(os.getpid())


@job_type("leave")
def leave(_: Plan) -> dict[str, Any]:
    """Threads, a process, another directory and a variable."""
    note("start")
    over = threading.Event()
    threading.Thread(target=over.wait, name=LEFT_THREAD, daemon=True).start()
    program = subprocess.Popen(["sleep", "120"], start_new_session=True)
    os.chdir("/")
    os.environ["LEFT"] = "behind"
    return {"pid": os.getpid(), "program": program.pid}


@job_type("find")
def find(_: Plan) -> dict[str, Any]:
    """What is there of an earlier job."""
    note("start")
    return {
        "pid": os.getpid(),
        "thread": any(thread.name == LEFT_THREAD for thread in threading.enumerate()),
        "directory": str(Path.cwd()),
        "variable": os.environ.get("LEFT", ""),
        "begun": _begun,
        "random": random.random(),
        "job": [job_context().id, os.environ["RQ_JOB_ID"]],
    }


@job_type("refuse")
def refuse(_: Plan) -> None:
    note("start")
    raise JobError("refused", "No.")


@job_type("grow")
def grow(_: Plan) -> int:
    """Keep 60 MB more, touched."""
    note("start")
    _hoard.append(bytearray(b"x" * 60_000_000))
    return os.getpid()


@job_type("nap_on", max_attempts=2)
def nap_on(plan: Plan) -> int:
    """Sleep on the first attempt, end at once on the second."""
    if note("start") == 1:
        threading.Event().wait(plan.nap_s)
    return os.getpid()
