"""Filled until it refuses; then the workers alone, with no more room than there was."""

from chaos.scenario import Found, Scenario, Size
from chaos.trial import trial

PAYLOAD = "x" * 2_000


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as full:
        full.open(workers=0)
        full.redis.configure(maxmemory=full.redis.used_bytes() + int(size["room_bytes"]))
        answer = full.caller.submit("nap", {"what": PAYLOAD})
        while answer.is_accepted:
            full.took(str(answer.json()["id"]))
            answer = full.caller.submit("nap", {"what": PAYLOAD})
        full.require(answer.status == 503, f"a full Redis was told as {answer}")
        for _ in range(2):
            full.worker()
        full.until_ended(within_s=size["drained_s"])
        full.judge()
        full.require(full.figures["failed"] == 0, "a job failed for a Redis that was full")
        return Found(full.violations, full.figures)


scenario = Scenario(
    name="full_and_drained",
    procedure="filled until it refuses, then workers alone, with no more room",
    passes="all accepted end",
    full={"room_bytes": 4_000_000, "drained_s": 300},
    short={"room_bytes": 2_200_000, "drained_s": 90},
    run=run,
)
