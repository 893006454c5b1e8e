"""Redis reaches its memory limit under load; later it is raised."""

import time

from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial
from chaos.waiting import until

PAYLOAD = "x" * 20_000
RECOVERED_S = 30.0


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as full:
        full.open(workers=2)
        full.must_submit("nap", {"nap_s": 0.1})
        fill(full, size)
        time.sleep(size["full_s"])
        full.redis.configure(maxmemory=0)
        with full.requiring("recovery"):
            until(lambda: full.submit("nap") is not None, within_s=RECOVERED_S, what="a submit that is accepted")
        with full.requiring("recovery of the workers"):
            until(lambda: not full.poller.live(), within_s=RECOVERED_S, what="the end of every job", every_s=0.1)
        full.judge()
        full.require(full.figures["failed"] == 0, "a job failed for a Redis that was full")
        return Found(full.violations, full.figures)


def fill(full: Trial, size: Size) -> None:
    """Until it says no; what it has, it still tells."""
    full.redis.configure(maxmemory=full.redis.used_bytes() + int(size["room_bytes"]))
    answer = full.caller.submit("nap", {"nap_s": 0.3, "what": PAYLOAD})
    while answer.is_accepted:
        full.took(str(answer.json()["id"]))
        answer = full.caller.submit("nap", {"nap_s": 0.3, "what": PAYLOAD})
    full.figures["accepted_until_full"] = len(full.accepted)
    full.require(answer.status == 503, f"a full Redis was told as {answer.status}")
    full.require(b"store_full" in answer.body, f"a full Redis was told as {answer.body[:200]!r}")
    read = full.caller.get(full.accepted[0])
    full.require(read.status == 200, f"a read of a full Redis was told as {read.status}")


scenario = Scenario(
    name="redis_full",
    procedure="memory limit reached under load, held for 20 s, then raised",
    passes="503 `store_full` for submits, reads go on; all accepted end within 30 s of the raise",
    full={"room_bytes": 5_000_000, "full_s": 20},
    short={"room_bytes": 3_500_000, "full_s": 3},
    run=run,
)
