"""Redis forgets everything, by FLUSHALL and by a start without its files: the deployment finds itself again."""

from collections.abc import Callable

from chaos.processes import Process
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial
from chaos.waiting import until

READY_S = 20.0


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as flushed:
        workers = flushed.open(workers=2)
        for _ in range(int(size["rounds"])):
            forget(flushed, "FLUSHALL", flushed.redis.admin.flushall, workers)
            forget(flushed, "an empty restart", flushed.redis.restart_empty, workers)
        flushed.judge()
        for process in flushed.deployment.processes:
            flushed.require("Traceback" not in process.log, f"a traceback: {process.log[-2000:]}")
        return Found(flushed.violations, flushed.figures)


def forget(flushed: Trial, how: str, act: Callable[[], object], workers: list[Process]) -> None:
    """Then a job that ends."""
    flushed.forget(flushed.accepted)
    act()
    with flushed.requiring(f"after {how}"):
        ready_s = until(lambda: is_ready(flushed), within_s=READY_S, what="readiness", every_s=0.1)
        until(lambda: flushed.deployment.listens(*workers), within_s=READY_S, what="workers in RQ's register")
        flushed.figures["ready_max_s"] = max(round(ready_s, 2), flushed.figures.get("ready_max_s", 0))
    job_id = flushed.submit("nap")
    flushed.require(job_id is not None, f"after {how} a job was refused")
    flushed.until_ended(within_s=30)


def is_ready(flushed: Trial) -> bool:
    """As a platform asks."""
    return flushed.caller.ask("GET", "/readyz").status == 200


scenario = Scenario(
    name="flushed",
    procedure="FLUSHALL, and a restart without the files",
    passes="registered and ready within 20 s, no traceback in any log",
    full={"rounds": 5},
    short={"rounds": 1},
    run=run,
)
