"""Replies of Redis are lost, of each script, one to twelve in a row: one record, one execution."""

import threading
import uuid

from chaos.calling import Answer
from chaos.proxy import Harm, sha
from chaos.scenario import Found, Scenario, Size, lease
from chaos.trial import Trial, trial
from chaos.waiting import until
from pollable.storage import keys

SCRIPTS = ("submit", "pop", "claim", "renew", "complete", "cancel", "read")


class Losses:
    """How many replies of which script are still to be lost."""

    def __init__(self) -> None:
        self._sign = b""
        self._left = 0
        self._lock = threading.Lock()
        self.lost = 0

    def lose(self, script: str, count: int) -> None:
        with self._lock:
            self._sign, self._left = sha(script), count

    def decide(self, request: bytes) -> Harm | None:
        with self._lock:
            if not self._left or self._sign not in request:
                return None
            self._left -= 1
            self.lost += 1
            return Harm(arrives=True)


def run(size: Size, seed: int) -> Found:
    losses = Losses()
    with trial(seed=seed, proxy=losses.decide, settings=lease(size)) as loss:
        loss.open(workers=2)
        # Each script once in peace: Redis then knows them all.
        for how in SCRIPTS:
            attempt(loss, how, size)
        loss.until_ended(within_s=60)
        for script in SCRIPTS:
            for count in range(1, int(size["most"]) + 1, int(size["step"])):
                losses.lose(script, count)
                attempt(loss, script, size)
        loss.until_ended(within_s=60)
        loss.judge()
        loss.figures["replies_lost"] = losses.lost
        check(loss)
        return Found(loss.violations, loss.figures)


def attempt(loss: Trial, script: str, size: Size) -> None:
    """A job on whose way that script is called: renewed or cancelled while it runs, too."""
    nap_s = size["lease_s"] * 0.75 if script in ("renew", "cancel") else 0.1
    key = uuid.UUID(int=loss.random.getrandbits(128)).hex
    answer = patiently(loss, key, nap_s)
    job_id = str(answer.json()["id"])
    loss.took(job_id)
    if script == "cancel":
        loss.started(job_id)
        with loss.requiring("a cancel"):
            until(lambda: loss.caller.cancel(job_id).status in (200, 202, 409), within_s=30, what="an answer")
    loss.until_ended(within_s=60, job_id=job_id)


def patiently(loss: Trial, key: str, nap_s: float) -> Answer:
    """As clients are told to: the same key again, until it is accepted."""
    answers: list[Answer] = []

    def is_accepted() -> bool:
        answers.append(loss.caller.submit("nap", {"nap_s": nap_s}, key=key))
        return answers[-1].is_accepted

    until(is_accepted, within_s=30, what="a submit that is accepted")
    return answers[-1]


def check(loss: Trial) -> None:
    """As many records as jobs, none of which was run twice."""
    records = list(loss.redis.admin.scan_iter(match=keys.record("*"), count=1000))
    loss.require(len(records) == len(loss.accepted), f"{len(records)} records of {len(loss.accepted)} jobs")
    twice = [job_id for job_id in loss.accepted if len(loss.journal.of(job_id)) > 1]
    loss.require(not twice, f"executed more than once: {twice}")
    loss.require(loss.figures["failed"] == 0, "a job failed for a reply that was lost")


scenario = Scenario(
    name="reply_loss",
    procedure="a proxy loses the replies of each script, 1 to 12 in a row",
    passes="one record, one execution",
    full={"most": 12, "step": 1, "lease_s": 6},
    short={"most": 3, "step": 2, "lease_s": 2},
    run=run,
)
