"""What is written down of each owner's jobs, held against the jobs that there are."""

from typing import Any

from redis import Redis

from pollable.storage import keys
from tests.conftest import LIVE

LIVES_FROM = 1e15
ENDED = {b"succeeded", b"failed", b"cancelled"}
BESIDE = 2000


def held(client: Redis, owner: str) -> tuple[int, int]:
    """An owner's live jobs, and the bytes of all."""
    live: Any = client.zcount(f"{keys.PREFIX}held:{owner}", LIVES_FROM, "+inf")
    total: Any = client.hget(f"{keys.PREFIX}bytes:{owner}", "all")
    return int(live), int(total or 0)


def errors(client: Redis) -> list[str]:
    """Where the books are wrong: of which jobs, or owners."""
    found = {key.decode().rpartition(":")[2]: _hash(client, key) for key in _keys(client, "job:*")}
    # Of a record that a test damaged nothing is claimed.
    records = {job: record for job, record in found.items() if record.get(b"state") in {*LIVE, *ENDED}}
    entries = {key.decode().partition("held:")[2]: dict(_scores(client, key)) for key in _keys(client, "held:*")}
    wrong = [f"{job} is not held" for job, record in records.items() if job not in entries.get(_owner(record), {})]
    for owner, jobs in entries.items():
        sizes = _hash(client, f"{keys.PREFIX}bytes:{owner}".encode())
        total = int(sizes.pop(b"all", 0))
        if total != sum(map(int, sizes.values())) or {job.encode() for job in jobs} != sizes.keys():
            wrong.append(f"the sum of {owner}")
        wrong += [
            f"{job}, which is {records[job].get(b'state')!r}"
            for job, score in jobs.items()
            if job in records and (score >= LIVES_FROM) != (records[job].get(b"state") in LIVE)
        ]
    return wrong


def _keys(client: Redis, pattern: str) -> list[bytes]:
    return list(client.scan_iter(keys.PREFIX + pattern, count=1000))


def _hash(client: Redis, key: bytes) -> dict[bytes, bytes]:
    found: Any = client.hgetall(key) if client.type(key) == b"hash" else {}
    return dict(found)


def _scores(client: Redis, key: bytes) -> list[tuple[str, float]]:
    found: Any = client.zrange(key, 0, -1, withscores=True)
    return [(member.decode(), score) for member, score in found]


def _owner(record: dict[bytes, bytes]) -> str:
    return record.get(b"owner", b"").decode()
