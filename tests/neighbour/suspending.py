"""What `rq suspend` does to a job in each state: a row of its own, since it holds every worker of its Redis."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from rq.suspension import suspend

from pollable.cli.embedded import Private, find_server
from tests.jobs.workbench import until
from tests.neighbour.callers import read, submit
from tests.rq.processes import finished, web, worker

HELD_S = 10.0
"""So long that whatever waits for its time, for 8 s at most, is due."""


def suspended(log: Path, states: Sequence[str]) -> dict[str, str]:
    """The words of the row, by the state."""
    program = find_server()
    assert program is not None
    with ExitStack() as stack:
        server = Private(program)
        stack.callback(server.close)
        url, settings = server.url, {"POLLABLE_JOBS": "tests.neighbour.ours"}
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        http = stack.enter_context(web(url, log, **settings))
        stack.enter_context(worker(url, log, **settings))
        redis = stack.enter_context(Redis.from_url(url))
        until(lambda: redis.scard("rq:workers"), lambda number: number == 1, within_s=60)
        # What the command does, without the second that it takes to start: in that the next attempt may come.
        jobs = _jobs(http, directory, lambda: suspend(redis))
        before = {state: _seen(http, jobs[state]) for state in states}
        over = time.monotonic() + HELD_S
        until(time.monotonic, lambda now: now > over)
        during = {state: _seen(http, jobs[state]) for state in states}
        finished(url, "rq", "resume", "-u", url)
        for state in ("waiting", "delayed", "between attempts"):
            until(lambda state=state: _seen(http, jobs[state])[0], lambda seen: seen == "succeeded", within_s=60)  # type: ignore[misc] # until calls it now
        return {state: _word(before[state], during[state]) for state in states}


def _jobs(http: httpx.Client, directory: Path, hold: Callable[[], object]) -> dict[str, str]:
    """A job in each state, workers being held when the last of them came."""
    mark, needed = directory / "mark", directory / "needed"
    jobs = {"succeeded": submit(http), "failed": submit(http, "hopeless", needs=str(needed))}
    jobs["cancelled"] = submit(http, delay=3600)
    assert http.post(f"/jobs/{jobs['cancelled']}/cancel").status_code == 200
    for state in ("succeeded", "failed"):
        until(lambda state=state: _seen(http, jobs[state])[0], lambda seen, state=state: seen == state, within_s=60)  # type: ignore[misc] # until calls it now
    jobs["between attempts"] = submit(http, "hasty", needs=str(needed))
    jobs["running"] = submit(http, pause_s=2, mark=str(mark))
    until(mark.exists, bool, within_s=60)
    hold()
    needed.touch()
    jobs["waiting"] = submit(http)
    jobs["delayed"] = submit(http, delay=1)
    return jobs


def _seen(http: httpx.Client, job_id: str) -> tuple[str, int]:
    job: dict[str, Any] = read(http, job_id)
    return job["status"], job["attempts"]


def _word(before: tuple[str, int], during: tuple[str, int]) -> str:
    if during[0] in ("queued", "scheduled") and before[1] == during[1]:
        return "held until `rq resume`"
    if before[0] in ("running", during[0]) and during[0] in ("succeeded", before[0]):
        return "as it was"
    return f"{during[0]} after {during[1]} attempts"
