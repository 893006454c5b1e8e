"""Callers who go on submitting, whatever happens."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from chaos.trial import Trial

MOST_LIVE = 40


class Load:
    """What was tried and what was accepted so far."""

    def __init__(self) -> None:
        self.tried = 0
        self.accepted = 0


@contextmanager
def load(trial: Trial, job_type: str = "nap_once", *, per_s: float, naps_s: tuple[float, float]) -> Iterator[Load]:
    """For the length of the block: so many submits a second, each a single try, from a thread of its own.

    Fewer where the workers cannot keep up: what waits at the end has to end in time.
    """
    counted, over = Load(), threading.Event()
    # The trial's own generator belongs to whoever does the harm.
    random = Random(trial.random.random())

    def submit() -> None:
        while not over.wait(random.uniform(0.5, 1.5) / per_s):
            if len(trial.poller.live()) > MOST_LIVE:
                continue
            counted.tried += 1
            job_id = trial.submit(job_type, {"nap_s": round(random.uniform(*naps_s), 3)})
            counted.accepted += job_id is not None

    thread = threading.Thread(target=submit, name="load", daemon=True)
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()
