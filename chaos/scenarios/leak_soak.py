"""Very many jobs, failed and cancelled among them: when their outcomes have expired nothing of them is left."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from chaos.scenario import Found, Scenario, Size
from chaos.stock import stock_trial
from chaos.trial import Trial, trial
from chaos.waiting import until

TOMBSTONE_S = 62.0
"""An ended record outlives its outcome by a minute."""
CALLERS = 4


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as soak:
        soak.open(workers=0)
        measure_waiting(soak, int(size["measured"]))
        soak.deployment.worker("--simple", "--workers", "2")
        until(lambda: is_drained(soak), within_s=size["drained_s"], what="the jobs that were measured", every_s=0.2)
        before = lasting(soak)
        callers = [threading.Thread(target=submit, args=(soak, int(size["jobs"] / CALLERS))) for _ in range(CALLERS)]
        began_at = time.monotonic()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        with soak.requiring("I1"):
            until(lambda: is_drained(soak), within_s=size["drained_s"], what="the end of every job", every_s=0.5)
        soak.figures["jobs_a_second"] = round(size["jobs"] / (time.monotonic() - began_at), 1)
        soak.judge()
        left = lasting(soak) - before
        soak.require(not left, f"these outlive their jobs: {sorted(left)[:20]}")
        if size["wait"]:
            time.sleep(TOMBSTONE_S)
        soak.figures |= {"keys_before": len(before), "keys_after": soak.redis.admin.dbsize()}
        return Found(soak.violations, soak.figures)


def run_stock(size: Size, seed: int) -> Mapping[str, Any]:
    """How much a waiting job takes that RQ alone keeps."""
    with stock_trial(seed=seed) as soak:
        soak.open(workers=0)
        soak.submit("nap")
        before = soak.redis.used_bytes()
        for _ in range(int(size["measured"])):
            soak.submit("nap")
        return {"bytes_per_waiting_job": round((soak.redis.used_bytes() - before) / size["measured"])}


def measure_waiting(soak: Trial, count: int) -> None:
    """Bytes of Redis' memory that a waiting job takes: record, RQ's hash, lists."""
    # One of each kind, so that what RQ keeps for ever is there.
    submit(soak, 10)
    before = soak.redis.used_bytes()
    for _ in range(count):
        soak.caller.submit("brief", {"what": "succeed"})
    soak.figures["bytes_per_waiting_job"] = round((soak.redis.used_bytes() - before) / count)


def submit(soak: Trial, count: int) -> None:
    """Of ten two fail and one is cancelled before it is due. No more wait than a queue takes in seconds."""
    for number in range(count):
        if number % 10 == 0:
            answer = soak.caller.submit("brief", {}, delay=600)
            soak.caller.cancel(str(answer.json()["id"]))
        else:
            what = "fail" if number % 10 < 3 else "succeed"
            answer = soak.caller.submit("brief", {"what": what})
        soak.require(answer.is_accepted, f"a submit was told as {answer}")
        while number % 100 == 0 and pending(soak) > 5_000:
            time.sleep(0.2)


def lasting(soak: Trial) -> set[str]:
    """The keys that live for ever, or longer than an ended job's do."""
    names = [key.decode() for key in soak.redis.admin.scan_iter(count=1000)]
    lives: Any = [soak.redis.admin.ttl(name) for name in names]
    return {name for name, ttl_s in zip(names, lives, strict=True) if ttl_s == -1 or ttl_s > TOMBSTONE_S}


def pending(soak: Trial) -> int:
    return int(soak.redis.admin.zcard("rq:pollable:pending:pollable"))


def is_drained(soak: Trial) -> bool:
    return not pending(soak) and not soak.redis.admin.zcard("rq:pollable:leases")


scenario = Scenario(
    name="leak_soak",
    procedure="very many jobs, of ten two failed and one cancelled",
    passes="the key count returns to where it began",
    full={"jobs": 5_000, "measured": 1_000, "drained_s": 900, "wait": 1},
    short={"jobs": 200, "measured": 50, "drained_s": 60, "wait": 0},
    run=run,
    run_stock=run_stock,
)
