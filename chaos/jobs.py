"""The job types of the suite: one for each behaviour. Each logs its starts and ends in the side Redis."""

import os
import signal
import subprocess
import time
import uuid
from typing import Any

import msgspec

from chaos import journal
from pollable import JobError, job_context, job_type

PROJECT_ROUTE = "/api/agent/projects/{projectId}/brief"


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    """What a scenario asks of a job; durations in seconds."""

    nap_s: float = 0.0
    what: str = ""
    size: int = 0


def note(event: str) -> int:
    """The attempt that this is."""
    context = job_context()
    journal.note(event, context.id, context.attempt)
    return context.attempt


def answer(attempt: int) -> dict[str, Any]:
    """Differs between any two executions, so that an outcome that was replaced shows."""
    return {"attempt": attempt, "execution": uuid.uuid4().hex}


def nap(plan: Plan) -> dict[str, Any]:
    """What both naps do."""
    attempt = note("start")
    time.sleep(plan.nap_s)
    note("end")
    return answer(attempt)


@job_type("nap", max_attempts=10)
def nap_and_again(plan: Plan) -> dict[str, Any]:
    """May be begun again."""
    return nap(plan)


@job_type("nap_once")
def nap_once(plan: Plan) -> dict[str, Any]:
    """May be begun once."""
    return nap(plan)


@job_type("nap_at_first", max_attempts=10)
def nap_at_first(plan: Plan) -> dict[str, Any]:
    """Naps in its first attempt alone."""
    attempt = note("start")
    time.sleep(plan.nap_s if attempt == 1 else 0.05)
    note("end")
    return answer(attempt)


@job_type("poison", max_attempts=3)
def poison(plan: Plan) -> dict[str, Any]:
    """Kills the process that runs it, or (`what` is worker) that one's parent; or only in its first attempt (once)."""
    attempt = note("start")
    if plan.what == "once" and attempt > 1:
        note("end")
        return answer(attempt)
    victim = os.getppid() if plan.what == "worker" else os.getpid()
    os.kill(victim, signal.SIGKILL)
    time.sleep(30)
    return answer(0)


@job_type("fail", max_attempts=2)
def fail(plan: Plan) -> dict[str, Any]:
    """Fails with a code, as often as it is begun."""
    note("start")
    time.sleep(plan.nap_s)
    note("end")
    raise JobError("on_purpose", "As it was asked to.")


@job_type("return_badly")
def return_badly(plan: Plan) -> Any:
    """What is no JSON, or too much of it."""
    note("start")
    note("end")
    if plan.what == "large":
        return "x" * plan.size
    deep: list[Any] = []
    for _ in range(plan.size):
        deep = [deep]
    itself: list[Any] = []
    itself.append(itself)
    return {
        "set": {1, 2},
        "nan": float("nan"),
        "infinity": [float("-inf")],
        "object": object(),
        "surrogate": "\ud800",
        "surrogate_key": {"\udfff": 1},
        "itself": itself,
        "deep": deep,
    }[plan.what]


@job_type("brief_of_project", result_ttl_s=1, failure_ttl_s=1, submit=PROJECT_ROUTE, envelope="agent")
def brief_of_project(plan: Plan) -> dict[str, Any]:
    """By the one route after which every page shows the job."""
    return brief(plan)


@job_type("brief", result_ttl_s=1, failure_ttl_s=1)
def brief(plan: Plan) -> dict[str, Any]:
    """Its outcome is kept for a second."""
    attempt = note("start")
    note("end")
    if plan.what == "fail":
        raise JobError("on_purpose", "As it was asked to.")
    return answer(attempt)


class Family(msgspec.Struct, forbid_unknown_fields=True):
    """How the child comes about (`what`), and how the attempt ends."""

    what: str
    ends: str


@job_type("have_child", timeout_s=5)
def have_child(family: Family) -> dict[str, Any]:
    """Has a child that would live for ten minutes."""
    attempt = note("start")
    child = {"forked": forked, "spawned": spawned, "detached": detached}[family.what]()
    context = job_context()
    journal.tell(journal.Entry("child", context.id, context.attempt, child, os.getpid(), time.time()))
    match family.ends:
        case "returns":
            return answer(attempt)
        case "raises":
            raise JobError("on_purpose", "As it was asked to.")
        case _:
            time.sleep(CHILD_S)
            return answer(attempt)


CHILD_S = 600


def forked() -> int:
    """A fork of this process."""
    pid = os.fork()
    if pid == 0:
        time.sleep(CHILD_S)
        os._exit(0)
    return pid


def spawned() -> int:
    """Another program."""
    return subprocess.Popen(["sleep", str(CHILD_S)]).pid


def detached() -> int:
    """A daemon: a session of its own, and no parent that it knows."""
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        os.setsid()
        pid = os.fork()
        if pid == 0:
            time.sleep(CHILD_S)
            os._exit(0)
        os.write(writing, str(pid).encode())
        os._exit(0)
    os.waitpid(middle, 0)
    return int(os.read(reading, 20))
