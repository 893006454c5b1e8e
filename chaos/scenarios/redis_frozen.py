"""Redis is stopped while callers poll: each is told so within 1.5 s."""

import signal
import threading
import time

from chaos.oracle import spread
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial
from chaos.waiting import until


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as frost:
        frost.open(workers=2)
        job_id = frost.must_submit("nap", {"nap_s": 0.1})
        frost.until_ended(within_s=30)
        began_at, waiting_s = freeze(frost, size, job_id)
        with frost.requiring("recovery"):
            until(lambda: frost.submit("nap") is not None, within_s=30, what="a submit that is accepted", every_s=0.2)
        frost.until_ended(within_s=30)
        frost.judge()
        answers = frost.caller.traffic.between(began_at + 2, began_at + waiting_s)
        frost.figures |= spread("answer", [took_s for _, took_s in answers]) | {"answers": len(answers)}
        others = {status for status, _ in answers} - {503}
        frost.require(answers and not others, f"while Redis was frozen it answered {others}, not 503")
        p99_s = frost.figures.get("answer_p99_s", 0)
        frost.require(p99_s <= size["answer_s"], f"of 100 answers one took {p99_s} s")
        return Found(frost.violations, frost.figures)


def freeze(frost: Trial, size: Size, job_id: str) -> tuple[float, float]:
    """While eight callers poll and one submits; when it began (since the epoch), and for how many seconds."""
    over = threading.Event()

    def poll() -> None:
        while not over.wait(0.05):
            frost.caller.get(job_id)

    def submit() -> None:
        while not over.wait(0.3):
            frost.submit("nap")

    callers = [threading.Thread(target=poll, daemon=True) for _ in range(8)]
    callers.append(threading.Thread(target=submit, daemon=True))
    frost.redis.signal(signal.SIGSTOP)
    began_at = time.time()
    for caller in callers:
        caller.start()
    time.sleep(size["frozen_s"])
    over.set()
    for caller in callers:
        caller.join()
    frozen_s = time.time() - began_at
    frost.redis.signal(signal.SIGCONT)
    return began_at, frozen_s


scenario = Scenario(
    name="redis_frozen",
    procedure="SIGSTOP of Redis for 30 s while nine callers poll and submit",
    passes="all 503, 99 of 100 within 1.5 s; at work again within 30 s",
    full={"frozen_s": 30, "answer_s": 1.5},
    # A busy machine makes everybody wait.
    short={"frozen_s": 5, "answer_s": 5},
    run=run,
)
