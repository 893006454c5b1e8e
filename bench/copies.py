"""Many stored jobs out of one: every key that a job has is copied under another id, and every list that names it.

Submitting a million jobs would take minutes, and running them hours; what lies in Redis afterwards is the same.
"""

from typing import Any

import msgspec
from redis import Redis

BATCH = 5_000
ID = "%08x-0000-7000-8000-%012x"
FILL = """
local dumps, ttls = {}, {}
local copied, named = tonumber(ARGV[1]), #KEYS
for place = 1, copied do
  dumps[place], ttls[place] = redis.call('DUMP', KEYS[place]), math.max(redis.call('PTTL', KEYS[place]), 0)
end
for number = ARGV[2], ARGV[3] do
  local id = string.format('%08x-0000-7000-8000-%012x', 1, number)
  for place = 1, copied do
    redis.call('RESTORE', ARGV[3 + place]:gsub('@', id), ttls[place], dumps[place])
  end
  for place = copied + 1, named do
    local score = ARGV[3 + place]
    if score == '' then redis.call('RPUSH', KEYS[place], id) else redis.call('ZADD', KEYS[place], score, id) end
  end
end
"""


class Traces(msgspec.Struct, frozen=True):
    """Where a job is: keys of its own, with @ for its id; sorted sets with its score in them; lists."""

    own: list[str]
    scored: dict[str, str]
    listed: list[str]


def traces(redis: Redis, job_id: str) -> Traces:
    """All that names the job, in a Redis that holds few others."""
    own, scored, listed = [], {}, []
    for key in (found.decode() for found in redis.scan_iter(count=1000)):
        kind: Any = redis.type(key)
        if job_id in key:
            own.append(key.replace(job_id, "@"))
        elif kind == b"zset" and (score := redis.zscore(key, job_id)) is not None:
            scored[key] = repr(score)
        elif kind == b"list" and job_id.encode() in redis.lrange(key, 0, -1):
            listed.append(key)
    return Traces(sorted(own), scored, listed)


def copied(redis: Redis, job_id: str, jobs: int) -> str:
    """As many more of that job; their path, with @ for a number from 1 to that, of twelve hexadecimal digits."""
    found = traces(redis, job_id)
    keys = [name.replace("@", job_id) for name in found.own] + [*found.scored, *found.listed]
    names = [*found.own, *found.scored.values(), *("" for _ in found.listed)]
    script = redis.register_script(FILL)
    for begun in range(1, jobs + 1, BATCH):
        last = min(begun + BATCH - 1, jobs)
        script(keys, [len(found.own), begun, last, *names])
    return "00000001-0000-7000-8000-@"
