"""What may cost accepted jobs unseen: how Redis is set up, and workers that disagree with the web process."""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, Self

import msgspec
import redis
import redis.asyncio
from redis.exceptions import ResponseError

from pollable.catalog import JobType
from pollable.settings import Settings
from pollable.storage import keys

log = logging.getLogger("pollable.redis")

AGAIN_S = 5.0
PROBE = "return redis.call('SET', KEYS[1], '', 'PX', '1000')"
"""A write as the service makes them; its one key is `PROBE_KEY`."""
PROBE_KEY = f"{keys.PREFIX}check"

OLDEST = (6, 2)
# The patch of each branch in which a script can no longer run code of its own: CVE-2025-49844, -46817, -46818, -46819,
# and before them CVE-2024-46981. Later branches began with it; 6.0, 7.0 and whatever else is missing never had it.
MENDED: dict[str, dict[tuple[int, int], int]] = {
    "Redis": {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "Valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
}

Seen = Mapping[str, Any]
"""What Redis says of itself: INFO, and `save` of its configuration."""


class Finding(msgspec.Struct, frozen=True):
    """`word` is for programs and stays as it is. Only a risk has a remedy; what cannot be seen is none."""

    word: str
    text: str
    remedy: str = ""
    kind: Literal["ok", "risk", "unseen"] = "ok"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One way to lose jobs. It looks at `needs` of INFO; `danger` is what may happen, or None."""

    word: str
    needs: str
    danger: Callable[[Seen], str | None]
    remedy: str
    well: str
    """The line where all is well, with what INFO says in its braces."""

    def find(self, seen: Seen) -> Finding:
        """What this rule makes of what was seen."""
        if self.needs not in seen:
            return Finding(self.word, f"{self.word}: Redis does not show it ({self.needs} of INFO)", kind="unseen")
        if danger := self.danger(seen):
            return Finding(self.word, danger, self.remedy, "risk")
        return Finding(self.word, self.well.format(server=server(seen), **seen))


def server(seen: Seen) -> str:
    """Name and version, as in `Valkey 8.1.4`."""
    # Valkey says the version of Redis that it stands for, too.
    valkey = seen.get("valkey_version")
    return f"Valkey {valkey}" if valkey else f"Redis {seen.get('redis_version', 'unknown')}"


def _numbers(version: str) -> tuple[int, int, int]:
    parts = [int(part) if part.isdigit() else 0 for part in version.split(".")[:3]]
    major, minor, patch = (*parts, 0, 0, 0)[:3]
    return major, minor, patch


def _age(seen: Seen) -> str | None:
    version = str(seen["redis_version"])
    return f"version {version} is older than 6.2" if _numbers(version)[:2] < OLDEST else None


def _holes(seen: Seen) -> str | None:
    name, version = server(seen).split(" ", 1)
    *branch, patch = _numbers(version)
    mended = MENDED[name]
    if tuple(branch) > max(mended) or patch >= mended.get((branch[0], branch[1]), patch + 1):
        return None
    return f"{name} {version} lets a script run code of its own (CVE-2025-49844 and others)"


def _cluster(seen: Seen) -> str | None:
    return "it is a cluster; scripts need one Redis" if seen["cluster_enabled"] else None


def _replica(seen: Seen) -> str | None:
    return None if seen["role"] == "master" else f"its role is {seen['role']}; jobs need a primary"


def _memory_alone(seen: Seen) -> str | None:
    if seen.get("aof_enabled"):
        return None
    if seen.get("save") == "":
        return "nothing is on disk (appendonly no, no save points): when Redis ends, every job is lost"
    return "appendonly no: a crash of Redis loses the jobs of the minutes since its last snapshot, if it makes any"


def _eviction(seen: Seen) -> str | None:
    policy = str(seen["maxmemory_policy"])
    if policy == "noeviction":
        return None
    if policy.startswith("volatile"):
        lost = "drops what has a time to live: ended jobs read 404 or 410 early, owners' lists and idempotency keys go"
    else:
        lost = "throws jobs away, accepted ones too, which then read 404"
    return f"maxmemory-policy {policy}: a full Redis {lost}"


RULES = (
    Rule(
        word="version", needs="redis_version", danger=_age,
        well="version {redis_version}; 6.2 is the oldest that will do",
        remedy="use Redis 6.2 or newer, or Valkey",
    ),
    Rule(
        word="scripts", needs="redis_version", danger=_holes, well="{server} has no known hole in its scripts",
        remedy="use Redis 6.2.20, 7.2.11, 7.4.6, 8.0.4, 8.2.2, Valkey 7.2.11, 8.0.6, 8.1.4, or a newer one; a "
        "distribution or a host may have mended it under the old number",
    ),
    Rule(
        word="cluster", needs="cluster_enabled", danger=_cluster, well="not a cluster",
        remedy="use a Redis with cluster mode off",
    ),
    Rule(
        word="replica", needs="role", danger=_replica, well="a primary",
        remedy="name the primary, or the sentinels that know it (redis+sentinel://)",
    ),
    Rule(
        word="persistence", needs="aof_enabled", danger=_memory_alone, well="appendonly yes",
        remedy="set appendonly yes",
    ),
    Rule(
        word="eviction", needs="maxmemory_policy", danger=_eviction, well="maxmemory-policy {maxmemory_policy}",
        remedy="set maxmemory-policy noeviction",
    ),
)  # fmt: skip


def findings(seen: Seen) -> list[Finding]:
    """What each rule makes of it."""
    return [rule.find(seen) for rule in RULES]


def look(client: "redis.Redis") -> list[Finding]:
    """Ask Redis. Raises `RedisError` where it does not answer; what it forbids is unseen."""
    seen: dict[str, Any] = {}
    with suppress(ResponseError):
        seen |= client.info()
        # Where each write is kept nobody needs the save points; a user that may not ask would stand in Redis' ACL LOG.
        if not seen.get("aof_enabled"):
            seen["save"] = client.config_get("save").get("save")
    return findings(seen)


async def look_async(client: "redis.asyncio.Redis") -> list[Finding]:
    """The same on an event loop."""
    seen: dict[str, Any] = {}
    with suppress(ResponseError):
        seen |= await client.info()
        if not seen.get("aof_enabled"):
            seen["save"] = (await client.config_get("save")).get("save")
    return findings(seen)


def standing(found: Iterable[Finding], settings: Settings) -> list[Finding]:
    """The risks that nobody has accepted."""
    return [each for each in found if each.kind == "risk" and settings.redis_risks != "accepted"]


def _tell(found: Iterable[Finding], settings: Settings) -> None:
    for each in standing(found, settings):
        log.warning("%s; %s (POLLABLE_REDIS_RISKS=accepted: no longer told)", each.text, each.remedy)


async def tell_async(client: "redis.asyncio.Redis", settings: Settings, over: asyncio.Event) -> None:
    """Log each risk once, as soon as Redis answers; give up when `over` is set."""
    while not over.is_set():
        try:
            return _tell(await look_async(client), settings)
        except Exception as error:
            # Whatever it was: nobody is served less for it.
            log.debug("what Redis may lose is not known yet: %r", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), AGAIN_S)
    return None


def tell(client: "redis.Redis", settings: Settings, over: threading.Event) -> None:
    """The same on a thread of a worker; the client is closed then, its connection being one of few."""
    with client:
        while not over.is_set():
            try:
                return _tell(look(client), settings)
            except Exception as error:
                log.debug("what Redis may lose is not known yet: %r", error)
            over.wait(AGAIN_S)
    return None


def announced(types: Iterable[JobType]) -> list[str]:
    """Each type with the digest of what it takes, as a worker says it (`announce.lua`): `name=digest`."""
    return [f"{each.name}={_digest(each)}" for each in types]


def _digest(job_type: JobType) -> str:
    schema = msgspec.json.encode(msgspec.json.schema(job_type.payload_type), order="deterministic")
    return hashlib.blake2b(schema, digest_size=8).hexdigest()


class Staffing(msgspec.Struct, frozen=True, kw_only=True):
    """Who works, from the reply of `staffing.lua`."""

    known: Mapping[str, set[str]]
    """By queue the types that its living workers know."""
    waiting: Mapping[str, set[str]]
    """By queue the types of the next jobs."""
    queues: set[str]
    """Where any worker of this prefix listens."""
    announced: set[str]

    @classmethod
    def of(cls, queues: Sequence[str], reply: Sequence[Any]) -> Self:
        """`queues` are those that the script was asked about."""
        rows, listened, announced = reply
        return cls(
            known={queue: _names(row[0]) for queue, row in zip(queues, rows, strict=True)},
            waiting={queue: _names(row[1]) for queue, row in zip(queues, rows, strict=True)},
            queues=_names(listened),
            announced=_names(announced),
        )


def disagreements(staffing: Staffing, settings: Settings, ours: Sequence[str]) -> list[Finding]:
    """Where living workers were given another configuration or other code than this process, which is `announced`."""
    found = []
    if strange := sorted(staffing.queues - set(settings.queues)):
        text = f"workers listen on {', '.join(strange)}, where this process sends nothing"
        found.append(Finding("queues", text, "give web and workers the same POLLABLE_QUEUES", "risk"))
    known = {each.partition("=")[0] for each in ours}
    if differing := known & {each.partition("=")[0] for each in staffing.announced.difference(ours)}:
        text = f"workers take another payload for {', '.join(sorted(differing))}"
        found.append(Finding("catalog", text, "run the same code in web and workers", "risk"))
    return found


def _names(found: Iterable[bytes]) -> set[str]:
    return {name.decode() for name in found}
