"""kill -9 of worker, horse or both, again and again, under load."""

import time
from collections.abc import Mapping
from typing import Any

from chaos.processes import Process
from chaos.scenario import Found, Scenario, Size, lease
from chaos.stock import stock_trial
from chaos.trial import Trial, trial

LIVE_PER_WORKER = 6
"""Submitted and not yet seen ended. The kills last as long as there is something to submit."""


def run(size: Size, seed: int) -> Found:
    """Submit, kill, replace; then let everything end."""
    with trial(seed=seed, settings=lease(size)) as storm:
        rage(storm, size)
        storm.until_ended(within_s=120)
        storm.judge()
        storm.require(storm.figures["stuck"] == 0, "a job read running for more than 15 s after its process was killed")
        storm.require(storm.figures["failed"] == 0, "a job failed that could have been begun again")
        return Found(storm.violations, storm.figures)


def run_stock(size: Size, seed: int) -> Mapping[str, Any]:
    """The same, as long as it is watched."""
    with stock_trial(seed=seed) as storm:
        rage(storm, size)
        storm.until_ended(within_s=size["stock_watched_s"])
        storm.judge()
        return storm.figures


def rage(storm: Trial, size: Size) -> None:
    """Submit, kill, replace; whoever is live at the end has been in the storm."""
    workers = storm.open(workers=int(size["workers"]))
    kill_at = time.monotonic()
    while len(storm.accepted) < size["jobs"]:
        if storm.poller.moving(within_s=20) < LIVE_PER_WORKER * len(workers):
            storm.must_submit("nap", {"nap_s": round(storm.random.uniform(0, 0.5), 2)})
        else:
            time.sleep(0.01)
        if time.monotonic() > kill_at:
            kill_at = time.monotonic() + size["kill_every_s"]
            strike(storm, workers)


def strike(storm: Trial, workers: list[Process]) -> None:
    """Kill a worker, its horse, or both at once; a killed worker is replaced."""
    at = storm.random.randrange(len(workers))
    whom = storm.random.choice(("worker", "horse", "both"))
    horses = workers[at].horses() if whom != "worker" else []
    if whom != "horse":
        storm.kill(workers[at].pid)
        workers[at] = storm.worker()
    for horse in horses:
        storm.kill(horse)


scenario = Scenario(
    name="kill9_storm",
    procedure="kill -9 of worker, horse or both every 0.5 s under load",
    passes="0 lost, none reads running for 15 s after its process died",
    full={"jobs": 2_000, "workers": 4, "kill_every_s": 0.5, "lease_s": 6, "stock_watched_s": 120},
    short={"jobs": 30, "workers": 2, "kill_every_s": 1.5, "lease_s": 2, "stock_watched_s": 5},
    run=run,
    run_stock=run_stock,
)
