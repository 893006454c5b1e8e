"""Calls of every script as the service makes them: what the fuzzer begins with."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from unittest import mock

import msgspec
from redis.commands.core import AsyncScript, Script

from pollable.auth.principal import SCOPES
from pollable.cli import issued_tokens
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Progress
from tests.http.calling import Deployment
from tests.jobs.workbench import ONCE, PATIENT, THRICE, Real, Workbench

NAMES = (
    *("submit", "read", "list", "cancel", "delete", "limit", "token", "staffing", "queues", "tally", "figures"),
    *("pop", "claim", "renew", "complete", "announce", "reap", "fail"),
)


class Call(msgspec.Struct, frozen=True):
    """One call of a script, all of its arguments as bytes."""

    name: str
    keys: tuple[bytes, ...]
    arguments: tuple[bytes, ...]


def corpus(url: str) -> list[Call]:
    """Every script's calls during the lives of some jobs. Raises `AssertionError` where a script was not called."""
    calls: list[Call] = []
    with _noted(calls):
        _over_http(url)
        _by_hand(url)
    missing = set(NAMES) - {call.name for call in calls}
    assert not missing, f"no call of {missing}"
    return calls


@contextmanager
def _noted(calls: list[Call]) -> Iterator[None]:
    named = {source(name): name for name in NAMES}

    def note(script: Any, keys: Any, args: Any) -> None:
        calls.append(Call(named[script.script], tuple(map(_bytes, keys or ())), tuple(map(_bytes, args or ()))))

    blocking, awaited = Script.__call__, AsyncScript.__call__

    def call(self: Any, keys: Any = None, args: Any = None, client: Any = None) -> Any:
        note(self, keys, args)
        return blocking(self, keys, args, client)

    async def call_async(self: Any, keys: Any = None, args: Any = None, client: Any = None) -> Any:
        note(self, keys, args)
        return await awaited(self, keys, args, client)

    with mock.patch.object(Script, "__call__", call), mock.patch.object(AsyncScript, "__call__", call_async):
        yield


def _over_http(url: str) -> None:
    settings = Settings(
        redis_url=url,
        auth=("tokens",),
        quota_reads=1000,
        quota_polls=1000,
        foreign_jobs="read",
        redis_risks="accepted",
        metrics="public",
    )
    with closing(Deployment(settings)) as deployment:
        token, _ = issued_tokens.create(deployment.redis, "ann", lifetime_s=600)
        known = {"authorization": f"Bearer {token}"}
        order = {"type": "anything", "payload": {"a": 1}, "labels": {"a": "b"}}
        for more in ({}, {"delay": 3600}, {"queue": "pollable-high"}):
            job_id = deployment.post("/jobs", order | more, idempotency_key='"k"', **known).json().get("id", "x")
            deployment.get(f"/jobs/{job_id}", **known)
        deployment.get("/jobs", **known)
        deployment.get("/readyz", **known)
        token, _ = issued_tokens.create(deployment.redis, "ada", scopes=SCOPES, lifetime_s=600)
        for path in ("/queues", "/jobs?owner=*"):
            deployment.get(path, authorization=f"Bearer {token}")
        deployment.get("/metrics")


def _by_hand(url: str) -> None:
    with closing(Workbench(Real(url), Settings())) as bench:
        bench.announce("once", "thrice")
        ended = bench.start(ONCE)
        bench.claims.renew(ended, progress=Progress(percent=50, message="half"))
        bench.succeed(ended)
        bench.fail(bench.start(THRICE), may_retry=True)
        bench.fail(bench.start(PATIENT), may_retry=True, delay_s=60)
        waiting = bench.submit()
        bench.pop()
        bench.reap()
        bench.redis.register_script(source("fail"))(args=[keys.PREFIX, keys.RQ_PREFIX, waiting.id, "unfit", "Why."])
        bench.cancel(bench.submit().id)
        bench.delete(ended.job_id)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
