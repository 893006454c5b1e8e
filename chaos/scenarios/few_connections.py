"""A Redis that lets in twenty clients, and forty requests at a time."""

import threading
import time
from contextlib import closing

from chaos.durable import DurableRedis
from chaos.oracle import spread
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial

CLIENTS = 20
REQUESTS = 40


def run(size: Size, seed: int) -> Found:
    with (
        closing(DurableRedis("--maxclients", str(CLIENTS))) as redis,
        trial(seed=seed, redis=redis, settings={"POLLABLE_REDIS_CONNECTIONS": "8"}) as few,
    ):
        few.open(workers=2)
        began_at = time.time()
        callers = [threading.Thread(target=call, args=(few, began_at + size["lasts_s"])) for _ in range(REQUESTS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        few.until_ended(within_s=60)
        few.judge()
        statuses = few.caller.traffic.statuses
        few.require(not statuses[503], f"{statuses[503]} answers of 503")
        few.figures |= spread("answer", [took_s for _, took_s in few.caller.traffic.between(began_at, time.time())])
        few.figures["answers"] = sum(statuses.values())
        return Found(few.violations, few.figures)


def call(few: Trial, until_at: float) -> None:
    """One caller: a job, and some looks at it."""
    while time.time() < until_at:
        job_id = few.submit("nap", {"nap_s": 0.01}) if len(few.poller.live()) < REQUESTS else None
        for _ in range(5):
            few.caller.get(job_id or few.accepted[-1])
            time.sleep(0.02)


scenario = Scenario(
    name="few_connections",
    procedure="`maxclients 20`, 40 requests at a time, 2 workers",
    passes="no 503",
    full={"lasts_s": 30},
    short={"lasts_s": 3},
    run=run,
)
