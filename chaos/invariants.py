"""I1 and I5; the poller holds I2 and I3 (`poller`), the callers I4 (`calling`)."""

from collections.abc import Collection, Iterable

from redis import Redis

from chaos.poller import Seen


def unended(seen: Iterable[tuple[str, Seen | None]]) -> list[str]:
    """I1: every accepted job ends."""
    return [f"I1: {job_id} did not end; it is {last}" for job_id, last in seen if last is None or not last.is_final]


def immortal(redis: Redis, ended: Collection[str]) -> list[str]:
    """I5: no key of a job without a TTL once the job has ended."""
    known = set(ended)
    found = []
    for key in redis.scan_iter(count=1000):
        name = key.decode(errors="replace")
        if known.intersection(name.split(":")) and redis.ttl(key) == -1:
            found.append(f"I5: {name} has no time to live")
    return found
