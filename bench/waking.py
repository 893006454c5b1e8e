"""Changes every job on the standard input: `python -m bench.waking REDIS_URL`. Says when it sent each.

A job waits, and is cancelled, by the script that a cancel is, without the service around it: it is those who wait that
are measured. The moment is before the call is sent, so that nothing is taken off what follows.
"""

import json
import sys
import time

from redis import Redis

from bench.crowd import owner_at
from pollable.storage import keys
from pollable.storage.scripts import source

AT_ONCE = 50


def woken(redis: Redis, ids: list[str]) -> dict[str, float]:
    """By job, on the clock that all processes of the machine share. Ends where one of them cannot be cancelled."""
    sent: dict[str, float] = {}
    cancel = redis.register_script(source("cancel"))
    for begun in range(0, len(ids), AT_ONCE):
        batch = ids[begun : begun + AT_ONCE]
        with redis.pipeline(transaction=False) as pipeline:
            for place, job_id in enumerate(batch, begun):
                cancel(args=[keys.PREFIX, keys.RQ_PREFIX, job_id, owner_at(place)], client=pipeline)
            sent |= dict.fromkeys(batch, time.monotonic())
            if any(reply[0] != b"cancelled" for reply in pipeline.execute()):
                sys.exit("a job could not be cancelled")
    return sent


if __name__ == "__main__":
    with Redis.from_url(sys.argv[1]) as client:
        print(json.dumps(woken(client, json.load(sys.stdin))))
