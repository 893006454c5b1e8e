"""What `/metrics` says of live jobs, and what their records say."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from pollable.http.figures import LIVE_STATES, rendered
from pollable.ids import new_id
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from tests.http.scraped import Scrape
from tests.jobs.workbench import Real, Workbench

COUNTS = "rq:pollable:counts"
Live = dict[tuple[str, str], int]
"""How many jobs, by state and type."""


def tally(client: Redis) -> None:
    """What a web process with metrics does from its start on."""
    client.register_script(source("tally"))(args=[keys.PREFIX, keys.RQ_PREFIX, new_id(), 3])


@contextmanager
def counting(redis_url: str) -> Iterator[Workbench]:
    """A bench where jobs are counted."""
    made = Workbench(Real(redis_url), Settings(redis_url=redis_url))
    tally(made.redis)
    yield made
    made.close()


def scrape(client: Redis) -> Scrape:
    reply = client.register_script(source("figures"))(args=[keys.PREFIX, keys.RQ_PREFIX, *Settings().queues])
    return Scrape(rendered(reply, is_open=False)[0].decode())


def gauge(client: Redis) -> Live:
    """What is told, but for zeros."""
    told = scrape(client).samples.get("pollable_jobs", {})
    found = {(dict(labels)["state"], dict(labels)["type"]): int(value) for labels, value in told.items()}
    return {of: number for of, number in found.items() if number}


def live(client: Redis) -> Live:
    """What is so: every record is read."""
    seconds, micros = client.time()
    found: Counter[tuple[str, str]] = Counter()
    with client.pipeline() as pipe:
        for key in client.scan_iter(f"{keys.PREFIX}job:*", count=1000):
            pipe.hmget(key, ["state", "type", "run_at"])
        records = pipe.execute()
    for state, job_type, run_at in map(_texts, records):
        if state == "scheduled" and int(run_at) <= seconds * 1000 + micros // 1000:
            state = "queued"
        if state in LIVE_STATES:
            found[state, job_type] += 1
    return dict(found)


def agrees(client: Redis) -> bool:
    """Whether the two are the same. What falls due between two looks is looked at again."""
    for _ in range(5):
        before, told, after = live(client), gauge(client), live(client)
        if told in (before, after):
            return True
        if before == after:
            return False
    return False


def _texts(values: Any) -> list[str]:
    return [(value or b"").decode() for value in values]
