"""Every script with arguments that were spoilt at random: `python -m tests.security.script_fuzz --seconds N --seed S`.

After each call Redis lives and answers; the call has answered, or failed as scripts fail. No key lies outside of RQ's
prefix, none lives for ever that no live job accounts for, and the jobs of a bystander are what they were.
"""

import argparse
import random
import sys
import time
from collections import Counter
from contextlib import closing
from typing import Any

import redis
from redis.exceptions import ResponseError

from pollable.cli.embedded import Private, find_server
from pollable.settings import Settings
from pollable.storage.scripts import source
from tests.conftest import LIVE, immortal_keys
from tests.jobs.workbench import Real, Workbench, job_type
from tests.security.script_corpus import Call, corpus

SLOW_S = 2.0
"""No script takes so long, whatever it is given."""
LOOK_EVERY = 400
BYSTANDER = "bystander"
APART = "apart"
"""A queue of the bystander's own, which no call names."""
ODD = (
    *(b"", b" ", b"0", b"-1", b"1", b"2", b"1e308", b"-1e308", b"nan", b"inf", b"-inf", b"0x10", b"1.5", b"9" * 400),
    *(b"9007199254740993", b"9223372036854775808", b"true", b"\x00", b"\xc3\xbf", b"a b", b"a=b", b"=", b"%s%n", b"%"),
    *(b"\r\nSET x 1\r\n", b"*", b"..", b"rq:job:x", b":", b"{}", b"null", b"[" * 100, b"x" * 5_000, b"'", b"]]"),
    *(b"state", b"token", b"queued", b"running", b"succeeded", b"failed", b"missing", b"id", b"data", b"-inf LIMIT"),
)
NOT_SPOILT = {"token": 1, "limit": 2, "list": 3, "reap": 6, "submit": 9}
"""How many of the first arguments stay: prefixes, what settings say of a quota, names of fields. Of the others, two."""
# What must hold whatever comes: a late outcome is counted in the record, by whose word it may be.
VITAL = ("state", "token", "lease_until", "result", "payload", "owner", "attempt", "run_at", "queue")


class Broken(Exception):
    """What is promised of scripts did not hold."""


class Fuzz:
    """A Redis with a bystander's jobs, and calls to be spoilt."""

    def __init__(self, url: str, *, seed: int) -> None:
        self._random = random.Random(seed)
        self._url = url
        self.redis: Any = redis.Redis.from_url(url, socket_timeout=SLOW_S)
        self.redis.flushall()
        self._calls = corpus(url)
        self.hashes = {name: self.redis.script_load(source(name)) for name in {call.name for call in self._calls}}
        self.bystanders = self._made_bystanders(url)
        self._before = [self._of_bystander(job_id) for job_id in self.bystanders]
        self.told: Counter[str] = Counter()

    def close(self) -> None:
        self.redis.close()
        # A script that was found slow may still run: in Valkey TIME stands still in one for the first five seconds.
        with redis.Redis.from_url(self._url, socket_timeout=60) as patient:
            patient.flushall()

    def run(self, *, calls: int | None = None, seconds: float | None = None) -> int:
        """How many calls were made. Raises `Broken`, with the call that broke it."""
        made, until = 0, time.monotonic() + (seconds or 1e9)
        while time.monotonic() < until and (calls is None or made < calls):
            self.make(self._spoilt())
            self.make(self._of_a_stranger())
            made += 2
            if made % LOOK_EVERY == 0:
                self.look()
        self.look()
        return made

    def make(self, call: Call) -> None:
        """Raises `Broken` for an answer, or a wait, that no script may have."""
        began = time.monotonic()
        try:
            self.redis.evalsha(self.hashes[call.name], len(call.keys), *call.keys, *call.arguments)
            self.told[f"{call.name}: answered"] += 1
        except ResponseError as error:
            kind = _kind(str(error))
            self.told[f"{call.name}: {kind}"] += 1
            if not kind:
                raise Broken(f"{call} failed as no script does: {error}") from None
        except redis.RedisError as error:
            raise Broken(f"{call}: Redis does not answer: {error!r}") from None
        if time.monotonic() - began > SLOW_S:
            raise Broken(f"{call} took {time.monotonic() - began:.1f} s")

    def look(self) -> None:
        """Raises `Broken` where a promise does not hold."""
        if strays := [key for key in self.redis.scan_iter(count=1000) if not key.startswith(b"rq:")]:
            raise Broken(f"keys outside of the prefix: {strays[:5]}")
        if immortal := [key for key in immortal_keys(self.redis) if not self._is_live(key)]:
            raise Broken(f"keys that would live for ever: {immortal[:5]}")
        for job_id, before in zip(self.bystanders, self._before, strict=True):
            if (now := self._of_bystander(job_id)) != before:
                raise Broken(f"a bystander's job {job_id} was {before}, and is {now}")

    def _spoilt(self) -> Call:
        """A call with one to three arguments changed, dropped, doubled, or swapped with another."""
        call = self._random.choice(self._calls)
        if call.name == "read":
            return self._misread(call)
        kept = NOT_SPOILT.get(call.name, 2)
        arguments = list(call.arguments)
        for _ in range(self._random.randint(1, 3)):
            at = self._random.randrange(kept, max(len(arguments), kept + 1))
            self._spoil(arguments, at, is_short=call.name == "limit")
        return Call(call.name, call.keys, tuple(arguments))

    def _is_live(self, key: str) -> bool:
        # Cut off in the middle RQ's hash may say of a job that it ended whose record says that it runs: the reaper's.
        job_id = key.removeprefix("rq:job:")
        return key != job_id and self.redis.hget(f"rq:pollable:job:{job_id}", "state") in LIVE

    def _misread(self, call: Call) -> Call:
        """Ids, owners and tags that callers may choose; not shifted, since a quota's key stands beside them."""
        arguments = list(call.arguments)
        for job in range(8, len(arguments)):
            lines = arguments[job].split(b"\n")
            lines[self._random.choice((0, 1, 2, -1))] = self._random.choice(ODD).replace(b"\n", b"")
            arguments[job] = b"\n".join(lines)
        return Call(call.name, call.keys, tuple(arguments))

    def _spoil(self, arguments: list[bytes], at: int, *, is_short: bool) -> None:
        # A quota's cost is how many ids stand in a query: a hundred at most.
        odd = ODD[:6] if is_short else ODD
        match self._random.randrange(6):
            case 0:
                del arguments[at:]
            case 1:
                arguments.insert(at, self._random.choice(odd))
            case 2 if at < len(arguments) - 1:
                arguments[at], arguments[-1] = arguments[-1], arguments[at]
            case 3:
                arguments[at:] = arguments[at:] * 2
            case _:
                arguments[at : at + 1] = [self._random.choice(odd)]

    def _of_a_stranger(self) -> Call:
        """A call about a bystander's job by one who is not its owner, or whose attempt it is not."""
        name = self._random.choice(("cancel", "delete", "complete", "renew"))
        call = next(each for each in self._calls if each.name == name)
        arguments = [*call.arguments]
        # The owner, or the attempt's token.
        arguments[2:4] = [
            self._random.choice(self.bystanders).encode(),
            self._random.choice([odd for odd in ODD if odd]),
        ]
        if name == "complete":
            arguments[4:] = [self._random.choice(ODD) for _ in arguments[4:]]
        return Call(name, call.keys, tuple(arguments))

    def _made_bystanders(self, url: str) -> list[str]:
        settings = Settings(redis_url=url, queues=(APART, "pollable"))
        with closing(Workbench(Real(url), settings)) as bench:
            once = job_type("once", queue=APART, result_ttl_s=86_400)
            queued, running, ended = (bench.submit(once, owner=BYSTANDER) for _ in range(3))
            delayed = bench.submit(once, owner=BYSTANDER, delay_ms=3_600_000)
            bench.claim(running.id, lease_s=86_400)
            bench.succeed(bench.claim(ended.id))
        return [queued.id, delayed.id, running.id, ended.id]

    def _of_bystander(self, job_id: str) -> tuple[Any, ...]:
        waits = self.redis.zscore(f"rq:pollable:pending:{APART}", job_id)
        return (*self.redis.hmget(f"rq:pollable:job:{job_id}", VITAL), waits, self.redis.exists(f"rq:job:{job_id}"))


def _kind(error: str) -> str:
    """What a script that was called wrongly says; '' for anything else."""
    known = (
        *("attempt to", "bad argument", "Wrong number of args", "wrong number of arguments", "WRONGTYPE"),
        # In the words of Redis 6.2, of 7.0, and of Valkey.
        *("Lua redis() command arguments", "Lua redis lib command arguments", "ommand arguments must be"),
        *("not an integer", "not a valid float", "invalid expire", "min or max"),
        *("out of range", "too many results", "hash value is not", "syntax error", "malformed", "increment"),
        *("Expected value", "Expected object", "Expected the end", "invalid token", "nested data structures"),
    )
    return next((each for each in known if each in error), "")


def main() -> None:
    """Fuzz a Redis of one's own; exit code 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.security.script_fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args()
    program = find_server()
    if program is None:
        sys.exit("The fuzzer needs a Redis server.")
    print(f"seed {given.seed}", flush=True)
    with closing(Private(program)) as private, closing(Fuzz(private.url, seed=given.seed)) as fuzz:
        try:
            print(f"{fuzz.run(seconds=given.seconds)} calls held")
        except Broken as error:
            sys.exit(f"seed {given.seed}: {error}")
        for told, times in sorted(fuzz.told.items()):
            print(f"{times:8} {told}")


if __name__ == "__main__":
    main()
