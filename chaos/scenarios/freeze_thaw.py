"""Worker and horse are stopped past twice the lease and go on when somebody else has done the work."""

import signal
import time
from collections.abc import Mapping
from typing import Any

from chaos.processes import kill
from chaos.scenario import Found, Scenario, Size, lease
from chaos.stock import stock_trial
from chaos.trial import Trial, trial
from chaos.waiting import until
from pollable.storage import keys


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed, settings=lease(size)) as frost:
        freeze(frost, size, frozen_s=2 * size["lease_s"])
        frost.until_ended(within_s=60)
        late = [frost.redis.admin.hget(keys.record(job_id), "late_outcomes") for job_id in frost.accepted]
        frost.figures["late_outcomes_refused"] = sum(int(each or 0) for each in late)
        frost.judge()
        frost.require(all(late), f"a late outcome was not refused and counted: {late}")
        return Found(frost.violations, frost.figures)


def run_stock(size: Size, seed: int) -> Mapping[str, Any]:
    with stock_trial(seed=seed) as frost:
        freeze(frost, size, frozen_s=size["stock_frozen_s"])
        frost.until_ended(within_s=30)
        frost.judge()
        return frost.figures


def freeze(frost: Trial, size: Size, *, frozen_s: float) -> None:
    """All that work are stopped, others do the work, then the first go on: horses before workers."""
    count = int(size["jobs"])
    workers = frost.open(workers=count)
    # Over while it is frozen: the horse has nothing left to do but to tell its outcome.
    ids = [frost.must_submit("nap_at_first", {"nap_s": 2}) for _ in range(count)]
    starts = [frost.started(job_id) for job_id in ids]
    for process in (*(start.pid for start in starts), *(worker.pid for worker in workers)):
        kill(process, signal.SIGSTOP)
    others = [frost.worker() for _ in range(2)]
    until(lambda: frost.deployment.listens(*others), within_s=60, what="workers that listen")
    time.sleep(frozen_s)
    frost.until_ended(within_s=30)
    for start in starts:
        kill(start.pid, signal.SIGCONT)
    with frost.requiring("the late outcomes"):
        ends = {start.pid for start in starts}
        until(lambda: ends <= _told_the_end(frost), within_s=20, what="the ends of all that were frozen")
    time.sleep(1)
    for worker in workers:
        worker.send(signal.SIGCONT)
    time.sleep(1)


def _told_the_end(frost: Trial) -> set[int]:
    return {entry.pid for entry in frost.journal.entries() if entry.event == "end"}


scenario = Scenario(
    name="freeze_thaw",
    procedure="SIGSTOP of worker and horse past twice the lease, SIGCONT when another has done the work",
    passes="every late outcome refused and counted, nothing that was published changes",
    full={"jobs": 6, "lease_s": 6, "stock_frozen_s": 100},
    short={"jobs": 2, "lease_s": 2, "stock_frozen_s": 5},
    run=run,
    run_stock=run_stock,
)
