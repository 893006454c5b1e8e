"""Redis is killed under load and comes back with its append-only file after 3, 20 and 60 s."""

import time
from collections.abc import Mapping
from typing import Any

from chaos.load import load
from chaos.processes import Process
from chaos.scenario import Found, Scenario, Size
from chaos.stock import stock_trial
from chaos.trial import Trial, trial
from chaos.waiting import until

RECOVERED_S = 30.0
OUTAGES = ("first_outage_s", "second_outage_s", "third_outage_s")


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as outage:
        suffer(outage, size)
        outage.until_ended(within_s=120)
        outage.judge()
        outage.require(outage.figures["failed"] == 0, "a job failed whose work was done or could wait")
        outage.require(outage.figures["workers_that_ended"] == 0, "a worker ended")
        slowest = outage.figures["slowest_answer_s"]
        outage.require(slowest <= size["answer_s"], f"an answer took {slowest} s")
        return Found(outage.violations, outage.figures)


def run_stock(size: Size, seed: int) -> Mapping[str, Any]:
    with stock_trial(seed=seed) as outage:
        suffer(outage, size)
        outage.until_ended(within_s=size["stock_watched_s"])
        outage.judge()
        return outage.figures


def suffer(outage: Trial, size: Size) -> None:
    """Each outage in the middle of jobs; a worker that ends is replaced, as a platform does."""
    workers = outage.open(workers=2)
    ended = 0
    recovered_s: list[float] = []
    with load(outage, per_s=4, naps_s=(0.05, 0.6)):
        for length in (size[each] for each in OUTAGES if each in size):
            time.sleep(size["between_s"])
            outage.redis.kill()
            back_at = time.monotonic() + length
            while time.monotonic() < back_at:
                ended += replaced(outage, workers)
                time.sleep(0.25)
            outage.redis.start()
            recovered_s.append(until_recovered(outage, workers))
    ended += replaced(outage, workers)
    outage.figures |= {"workers_that_ended": ended, "back_at_work_max_s": round(max(recovered_s), 2)}
    outage.figures["slowest_answer_s"] = round(max((took for _, took in answers(outage)), default=0), 2)


def until_recovered(outage: Trial, workers: list[Process]) -> float:
    """Seconds until a job that was accepted afterwards was begun."""
    accepted = set(outage.accepted)

    def is_at_work() -> bool:
        replaced(outage, workers)
        return any(entry.job_id not in accepted for entry in outage.journal.entries())

    began_at = time.monotonic()
    with outage.requiring("recovery"):
        until(is_at_work, within_s=RECOVERED_S, what="a new job that begins", every_s=0.1)
    return time.monotonic() - began_at


def replaced(outage: Trial, workers: list[Process]) -> int:
    """How many had ended; others are there in their place."""
    ended = [at for at, worker in enumerate(workers) if worker.exit_code is not None]
    for at in ended:
        workers[at] = outage.worker()
    return len(ended)


def answers(outage: Trial) -> list[tuple[int, float]]:
    """Status and seconds of everything that the service answered."""
    return outage.caller.traffic.between(0, time.time())


scenario = Scenario(
    name="redis_kill",
    procedure="Redis killed under load, back on its append-only file after 3, 20 and 60 s",
    passes="0 accepted and missing, at work again within 30 s, answers within 1.5 s",
    full={
        "between_s": 15,
        "first_outage_s": 3,
        "second_outage_s": 20,
        "third_outage_s": 60,
        "answer_s": 1.5,
        "stock_watched_s": 120,
    },
    # A busy machine makes everybody wait.
    short={"between_s": 2, "first_outage_s": 3, "answer_s": 5, "stock_watched_s": 5},
    run=run,
    run_stock=run_stock,
)
