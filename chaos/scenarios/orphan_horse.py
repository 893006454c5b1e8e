"""The worker alone is killed, in the middle of a long job: its work-horse must not live on beside the next attempt."""

import time
from collections.abc import Mapping
from typing import Any

from chaos.processes import is_alive
from chaos.scenario import Found, Scenario, Size, lease
from chaos.stock import stock_trial
from chaos.trial import Trial, trial
from chaos.waiting import until

HORSE_S = 1.0


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed, settings=lease(size)) as orphans:
        lived_s = orphaned(orphans, size)
        orphans.until_ended(within_s=60)
        orphans.judge()
        orphans.require(max(lived_s) <= HORSE_S, f"a horse lived on for {max(lived_s):.1f} s")
        orphans.require(orphans.figures["ran_to_the_end_twice"] == 0, "a job ran to its end twice")
        return Found(orphans.violations, orphans.figures)


def run_stock(size: Size, seed: int) -> Mapping[str, Any]:
    with stock_trial(seed=seed) as orphans:
        orphaned(orphans, size)
        orphans.until_ended(within_s=size["stock_watched_s"])
        orphans.judge()
        return orphans.figures


def orphaned(trial: Trial, size: Size) -> list[float]:
    """As many workers as jobs; all are killed, others come. Seconds for which each horse lived on."""
    count = int(size["jobs"])
    trial.open(workers=count)
    ids = [trial.must_submit("nap_at_first", {"nap_s": size["job_s"]}) for _ in range(count)]
    starts = [trial.started(job_id) for job_id in ids]
    killed_at = time.monotonic()
    for start in starts:
        trial.kill(start.parent_pid)
    lived_s: list[float] = []
    for start in starts:
        with trial.requiring("a horse"):
            until(lambda pid=start.pid: not is_alive(pid), within_s=size["job_s"] + 5, what="its end")  # type: ignore[misc]
        lived_s.append(time.monotonic() - killed_at)
    for _ in range(count):
        trial.worker()
    trial.figures["horse_lived_on_max_s"] = round(max(lived_s), 2)
    return lived_s


scenario = Scenario(
    name="orphan_horse",
    procedure="kill -9 of the worker only, in the middle of a job of 100 s",
    passes="horse gone within 1 s, nothing runs to its end twice, no outcome changes",
    full={"jobs": 6, "job_s": 100, "lease_s": 6, "stock_watched_s": 120},
    short={"jobs": 2, "job_s": 30, "lease_s": 2, "stock_watched_s": 5},
    run=run,
    run_stock=run_stock,
)
