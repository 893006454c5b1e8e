"""Redis says no in every way that it has, under load of jobs that may run once."""

import time

from chaos import refusals
from chaos.load import load
from chaos.scenario import Found, Scenario, Size, lease
from chaos.trial import trial


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed, settings=lease(size)) as no:
        no.open(workers=2)
        ways = list(refusals.ALL) * int(size["each"])
        no.random.shuffle(ways)
        with load(no, per_s=2, naps_s=(0.1, 1)) as counted:
            for way in ways:
                held_s = refusals.hold(no.redis, way, no.random.uniform(size["least_s"], size["most_s"]))
                no.figures[f"longest {way}_s"] = max(round(held_s, 1), no.figures.get(f"longest {way}_s", 0))
                with no.requiring(f"work after {way}"):
                    no.until_at_work(within_s=30)
                # So that there is something to interrupt.
                time.sleep(size["between_s"])
        no.until_ended(within_s=120)
        no.judge()
        no.figures["submits_refused"] = counted.tried - counted.accepted
        no.require(no.figures["begun_again"] == 0, "a job that may run once was begun again")
        no.require(no.figures["failed"] == 0, "a job failed, or its outcome was not taken")
        return Found(no.violations, no.figures)


scenario = Scenario(
    name="says_no",
    procedure="NOREPLICAS, OOM, MISCONF, READONLY, LOADING, BUSY and max clients, each 0.5 to 20 s, under load",
    passes="no 500, 0 lost, no second copy, every outcome taken afterwards",
    full={"each": 2, "least_s": 0.5, "most_s": 20, "between_s": 4, "lease_s": 6},
    short={"each": 1, "least_s": 0.5, "most_s": 1.5, "between_s": 0.5, "lease_s": 3},
    run=run,
)
