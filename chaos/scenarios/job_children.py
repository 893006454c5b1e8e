"""Jobs that fork, spawn and detach, and every way in which they end: nothing of theirs lives on."""

import signal
import time
from itertools import product

from chaos.journal import Entry
from chaos.processes import is_alive, kill
from chaos.scenario import Found, Scenario, Size, lease
from chaos.trial import Trial, trial
from chaos.waiting import NotInTime, until

CHILDREN = ("forked", "spawned", "detached")
ENDINGS = ("returns", "raises", "times_out", "is_cancelled", "horse_killed", "worker_killed", "worker_stopped")
GONE_S = 5.0


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed, settings=lease(size)) as children:
        children.open(workers=0)
        cases = list(product(CHILDREN, ENDINGS))[:: int(size["every"])]
        longest_s = 0.0
        for child, ending in cases:
            longest_s = max(longest_s, lived_on_s(children, child, ending))
        children.until_ended(within_s=60)
        children.judge()
        children.figures |= {"cases": len(cases), "lived_on_max_s": round(longest_s, 2)}
        return Found(children.violations, children.figures)


def lived_on_s(children: Trial, child: str, ending: str) -> float:
    """Seconds from the end of the attempt until its child had gone."""
    worker = children.deployment.listening_worker("--grace-s", "2")
    job_id = children.must_submit("have_child", {"what": child, "ends": ending})
    start = children.started(job_id)
    until(lambda: children.journal.of(job_id, "child"), within_s=20, what="a child")
    born = children.journal.of(job_id, "child")[0]
    end(children, job_id, ending, start)
    if ending == "worker_stopped":
        worker.exited(within_s=20)
    elif ending != "worker_killed":
        children.until_ended(within_s=30, job_id=job_id)
    began_at = time.monotonic()
    try:
        until(lambda: not is_alive(born.pid), within_s=GONE_S, what="the end of the child")
    except NotInTime:
        children.violations.append(f"what a job had {child} lives on when it {ending}")
        kill(born.pid)
    lived_s = time.monotonic() - began_at
    worker.close()
    return lived_s


def end(children: Trial, job_id: str, ending: str, start: Entry) -> None:
    """What does not end by itself."""
    match ending:
        case "is_cancelled":
            children.caller.cancel(job_id)
        case "horse_killed":
            children.kill(start.pid)
        case "worker_killed":
            children.kill(start.parent_pid)
        case "worker_stopped":
            kill(start.parent_pid, signal.SIGTERM)


scenario = Scenario(
    name="job_children",
    procedure="jobs that fork, spawn and detach; every ending of job, horse and worker",
    passes="nothing of theirs lives on for 5 s",
    full={"every": 1, "lease_s": 2},
    short={"every": 5, "lease_s": 2},
    run=run,
)
