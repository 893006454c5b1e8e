"""A job type that says what it does, fails the first time, and waits for a word before it ends."""

import logging
import os
import threading
import time
import warnings
from pathlib import Path

from pollable import JobError, job_context, job_type

log = logging.getLogger("followed")
WORD = "FOLLOWED_WORD"


@job_type("follow", max_attempts=2, retry_delays_s=(0,))
def follow(payload: str) -> dict[str, str]:
    """Gives back what it knows of the request that submitted it."""
    context = job_context()
    log.info("at %s", "work")
    warnings.warn("worn out", stacklevel=1)
    if context.attempt == 1:
        raise JobError("not_yet", f"{payload} is not there yet")
    thread = threading.Thread(target=log.warning, args=("from a thread",))
    thread.start()
    thread.join()
    while not Path(os.environ[WORD]).exists():
        time.sleep(0.05)
    return {"request_id": context.request_id, "traceparent": context.traceparent}
