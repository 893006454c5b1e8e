"""The lease of an attempt, kept by a thread where no parent process keeps it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pollable.storage.connection import tolerated
from pollable.worker.claims import RENEWED_AGAIN_AFTER_S, Claim, Claims


@contextmanager
def kept(claim: Claim, claims: Claims) -> Iterator[None]:
    """Renew the lease for the length of the block: under a plain `rq worker`, in a simple worker."""
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(claim, claims, over), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # Nobody waits for its end: a renewal that is on its way finds the attempt ended, and changes nothing.
        over.set()


def _keep(claim: Claim, claims: Claims, over: threading.Event) -> None:
    pause_s = claims.renew_every_s
    while not over.wait(pause_s):
        pause_s = min(RENEWED_AGAIN_AFTER_S, claims.renew_every_s)
        with tolerated(f"the lease of job {claim.job_id}"):
            claims.renew(claim)
            pause_s = claims.renew_every_s
