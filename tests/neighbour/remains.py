"""What an application leaves in Redis, as text that two runs of it can be compared by.

Only what is another in any two runs is put aside: moments (kept as the distance that matters, how long a job is kept
after its end), and the names of workers and executions. All else is taken byte for byte.
"""

import math
import re
import zlib
from typing import Any

from redis import Redis
from rq.utils import utcparse

from tests.neighbour.stock import FIRST, JOURNAL, SECOND

MOMENTS = (
    "created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat", "execution_started_at",
    "execution_ended_at",
)  # fmt: skip
OF_A_RUN = ("worker_name", "execution_id", "id")
COARSE_S = 20
"""Times to live are whole multiples of it; when RQ sets them is a matter of some seconds."""

FOR_EVER = -1
QUEUES = tuple(f"rq:queue:{name}".encode() for name in (FIRST, SECOND))

# The workers' own keys, and the bookkeeping of RQ's maintenance: they go with the workers.
_OF_WORKERS = re.compile(
    r"rq:(worker|workers|clean_registries|clean_groups|maintenance|scheduler|schedulers)(:.*)?|rq:scheduler.*"
)
_EXECUTION = re.compile(r"\b[0-9a-f]{32}\b")
_STOCK = re.compile(r"stock-[a-z0-9-]+")


def remains(redis: Redis) -> dict[str, Any]:
    """Every key that is the application's, or that holds something of its jobs."""
    names: Any = redis.scan_iter(count=1000)
    found: dict[str, Any] = {}
    for key in sorted(name.decode() for name in names):
        if _OF_WORKERS.fullmatch(key) or ":pollable:" in key:
            continue
        content = _content(redis, key)
        if content and not _is_late_heartbeat(key, content):
            left_s = redis.ttl(key)
            until = _until(redis, key, FOR_EVER if left_s == FOR_EVER else left_s + redis.time()[0])
            found[_EXECUTION.sub("execution", key)] = {"content": content, "until": until}
    found["journal"] = journal(redis)
    return found


def _is_late_heartbeat(key: str, content: Any) -> bool:
    """Whether RQ's worker wrote it once the execution was over and deleted, as it does now and then (RQ 3.0)."""
    return key.startswith("rq:execution:") and content.keys() == {"last_heartbeat"}


def journal(redis: Redis) -> dict[str, list[str]]:
    """What happened: the jobs that were enqueued at once in their order, and each other job's events in theirs."""
    lines: Any = redis.lrange(JOURNAL, 0, -1)
    told: dict[str, list[str]] = {}
    for line in (each.decode() for each in lines):
        job_id = line.split()[1]
        told.setdefault("in order" if job_id.startswith("stock-order") else job_id, []).append(line)
    return told


def _content(redis: Redis, key: str) -> Any:
    kind: Any = redis.type(key)
    match kind:
        case b"hash":
            return _hash(redis, key) if _is_stock(key) else None
        case b"stream":
            entries: Any = redis.xrange(key)
            return [_entry(values) for _, values in entries] if _is_stock(key) else None
        case b"zset":
            return _registry(redis, key)
        case b"set":
            members: Any = redis.smembers(key)
            return sorted(each.decode() for each in members if _is_stock(each.decode()) or each in QUEUES)
        case b"list":
            items: Any = redis.lrange(key, 0, -1)
            return [each.decode() for each in items if key != JOURNAL and _is_stock(each.decode())]
    return redis.get(key) if _is_stock(key) else None


def _hash(redis: Redis, key: str) -> dict[str, Any]:
    values: Any = redis.hgetall(key)
    return {name.decode(): _value(name.decode(), value) for name, value in values.items()}


def _value(name: str, value: bytes) -> Any:
    if name in MOMENTS:
        return "a moment" if value else ""
    if name in OF_A_RUN:
        return "of this run" if value else ""
    if name in ("data", "exc_info"):
        # zlib's own bytes say nothing more.
        return zlib.decompress(value)
    return value


def _entry(values: dict[bytes, bytes]) -> dict[str, Any]:
    return {name.decode(): _value(name.decode(), value) for name, value in values.items()}


def _registry(redis: Redis, key: str) -> dict[str, str]:
    """Members with the moment that is their score."""
    members: Any = redis.zrange(key, 0, -1, withscores=True)
    told = {each.decode().partition(":")[0]: score for each, score in members}
    return {each: _until(redis, each, score) for each, score in told.items() if _is_stock(each)}


def _until(redis: Redis, key: str, moment: float) -> str:
    """The moment as seconds after the end of the job that the key names, or after its beginning where it has none."""
    found = _STOCK.search(key)
    if moment in (FOR_EVER, math.inf) or found is None:
        return "for ever" if moment in (FOR_EVER, math.inf) else "some time"
    moments: Any = redis.hmget(f"rq:job:{found[0]}", "ended_at", "created_at")
    since = next((utcparse(each.decode()).timestamp() for each in moments if each), 0)
    # What a killed worker last said of an execution, it said at any moment before.
    coarse_s = 10 * COARSE_S if key.startswith("rq:execution:") else COARSE_S
    after_s = coarse_s * round((moment - since) / coarse_s)
    return f"{after_s} s" if after_s >= 0 else "before"


def _is_stock(text: str) -> bool:
    return _STOCK.search(text) is not None or text.startswith("stock:")
