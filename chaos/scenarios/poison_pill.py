"""Jobs that kill the process that runs them, and its worker, among jobs that do no harm."""

import msgspec

from chaos.scenario import Found, Scenario, Size, lease
from chaos.trial import Trial, trial
from chaos.waiting import until

ATTEMPTS = 3


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed, settings=lease(size)) as pills:
        _, pills.caller.address = pills.deployment.web()
        # A crew replaces the worker that a pill takes with it.
        pills.deployment.worker("--workers", "2")
        until(lambda: pills.caller.ask("GET", "/readyz").status == 200, within_s=60, what="workers that listen")
        pills.caller.traffic.wrong.clear()
        pills.poller.start()
        poisoned = {pills.must_submit("poison", {"what": what}): what for what in _pills(pills, size)}
        harmless = [pills.must_submit("nap", {"nap_s": 0.05}) for _ in range(int(size["neighbours"]))]
        pills.until_ended(within_s=120 + 20 * len(poisoned))
        pills.judge()
        for job_id, what in poisoned.items():
            began = len(pills.journal.of(job_id))
            pills.require(began == ATTEMPTS, f"a pill for the {what} was begun {began} times")
            code = {"worker": "worker_lost", "horse": "killed"}[what]
            pills.require(_error(pills, job_id) == code, f"a pill for the {what} ended as {_error(pills, job_id)}")
        bad = [each for each in harmless if (last := pills.poller.last(each)) is None or last.state != "succeeded"]
        pills.require(not bad, f"neighbours came to harm: {bad}")
        return Found(pills.violations, pills.figures)


def _pills(pills: Trial, size: Size) -> list[str]:
    kinds = ["horse"] * int(size["for_horses"]) + ["worker"] * int(size["for_workers"])
    pills.random.shuffle(kinds)
    return kinds


def _error(pills: Trial, job_id: str) -> str | None:
    last = pills.poller.last(job_id)
    error = msgspec.json.decode(last.content)["error"] if last else None
    return error and str(error["code"])


scenario = Scenario(
    name="poison_pill",
    procedure="jobs that kill their horse or their worker, among others",
    passes="failed after their attempts with the code that says so, neighbours unharmed",
    full={"for_horses": 20, "for_workers": 6, "neighbours": 200, "lease_s": 6},
    short={"for_horses": 2, "for_workers": 1, "neighbours": 10, "lease_s": 1},
    run=run,
)
