"""Every script that changes what a reader sees of a job tells so, in the same step, with a version that grows."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from pollable.cli.embedded import Private
from pollable.jobs.reading import RECORD_FIELDS
from pollable.model import State
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Progress
from tests.jobs.workbench import ONCE, OWNER, THRICE, Real, Workbench
from tests.keyspace import rq_job

Told = list[tuple[str, int, str, str]]
"""Id, version, state, owner."""


class Listener:
    """What was told since it was asked last."""

    def __init__(self, client: Any) -> None:
        self._channel = client.pubsub(ignore_subscribe_messages=True)
        self._channel.psubscribe(keys.changed("*"))
        self.heard()

    def heard(self) -> Told:
        found: Told = []
        # All of a script's messages are there before its answer is.
        while (message := self._channel.get_message(timeout=0.05)) is not None:
            job_id = message["channel"].decode().rpartition(":")[2]
            version, state, owner = message["data"].decode().split(" ", 2)
            found.append((job_id, int(version), state, owner))
        return found

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def listener(bench: Workbench) -> Iterator[Listener]:
    with closing(Listener(bench.redis)) as made:
        yield made


def unfit(bench: Workbench) -> str:
    job = bench.submit()
    bench.redis.register_script(source("fail"))(args=[keys.PREFIX, keys.RQ_PREFIX, job.id, "unfit", "Why."])
    return job.id


def lost(bench: Workbench, **options: Any) -> str:
    job_id = bench.start(**options).job_id
    bench.redis.zadd("rq:pollable:leases", {job_id: 1})
    bench.reap_until(job_id, lambda job: job.state is not State.RUNNING)
    return job_id


def requeued(bench: Workbench) -> str:
    claim = bench.start()
    bench.fail(claim)
    bench.redis.hset(rq_job(claim.job_id), mapping={"status": "queued", "enqueued_at": "later"})
    bench.read(claim.job_id)
    return claim.job_id


def called_off(bench: Workbench) -> str:
    job = bench.submit()
    bench.redis.hset(rq_job(job.id), "status", "canceled")
    bench.reap()
    return job.id


def progressing(bench: Workbench) -> str:
    claim = bench.start()
    bench.claims.renew(claim, progress=Progress(percent=50, message="half"))
    return claim.job_id


def asked_to_stop(bench: Workbench) -> str:
    claim = bench.start()
    bench.cancel(claim.job_id)
    return claim.job_id


def ended(bench: Workbench, end: Callable[[Any], object]) -> str:
    claim = bench.start(THRICE)
    end(claim)
    return claim.job_id


CHANGES: dict[str, tuple[Callable[[Workbench], str], list[str]]] = {
    "submit": (lambda bench: bench.submit().id, ["queued"]),
    "submit for later": (lambda bench: bench.submit(delay_ms=60_000).id, ["scheduled"]),
    "claim": (lambda bench: bench.start().job_id, ["queued", "running"]),
    "progress": (progressing, ["queued", "running", "running"]),
    "success": (lambda bench: ended(bench, bench.succeed), ["queued", "running", "succeeded"]),
    "failure": (lambda bench: ended(bench, bench.fail), ["queued", "running", "failed"]),
    "another attempt": (
        lambda bench: ended(bench, lambda claim: bench.fail(claim, may_retry=True)),
        ["queued", "running", "queued"],
    ),
    "another attempt, later": (
        lambda bench: ended(bench, lambda claim: bench.fail(claim, may_retry=True, delay_s=60)),
        ["queued", "running", "scheduled"],
    ),
    "cancel of one that waits": (lambda bench: bench.cancel(bench.submit().id).id, ["queued", "cancelled"]),
    "cancel of one that runs": (asked_to_stop, ["queued", "running", "running"]),
    "lost worker": (lost, ["queued", "running", "failed"]),
    "lost worker, another attempt": (lambda bench: lost(bench, type_=THRICE), ["queued", "running", "queued"]),
    "unfit": (unfit, ["queued", "failed"]),
    "requeue by an operator": (requeued, ["queued", "running", "failed", "queued"]),
    "cancel by an operator": (called_off, ["queued", "cancelled"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_once_with_the_next_version(bench: Workbench, listener: Listener, name: str) -> None:
    change, states = CHANGES[name]
    job_id = change(bench)
    assert listener.heard() == [(job_id, number, state, OWNER) for number, state in enumerate(states, start=1)]
    assert bench.read(job_id).version == len(states)


def test_a_deletion_is_told(bench: Workbench, listener: Listener) -> None:
    claim = bench.start()
    bench.succeed(claim)
    bench.delete(claim.job_id)
    assert listener.heard()[-1] == (claim.job_id, 4, "deleted", OWNER)


def test_what_no_reader_sees_is_not_told(bench: Workbench, listener: Listener) -> None:
    claim = bench.start()
    before = bench.read(claim.job_id)
    listener.heard()
    bench.claims.renew(claim)
    bench.redis.zadd("rq:pollable:payloads", {claim.job_id: 1})
    bench.reap(lease_s=60)
    assert listener.heard() == []
    assert bench.read(claim.job_id) == before


def test_a_record_of_an_older_release_has_version_0_and_then_1(bench: Workbench, listener: Listener) -> None:
    claim = bench.start()
    bench.redis.hdel(keys.record(claim.job_id), "version")
    listener.heard()
    assert bench.read(claim.job_id).version == 0
    bench.succeed(claim)
    assert listener.heard() == [(claim.job_id, 1, "succeeded", OWNER)]


@pytest.mark.parametrize("odd", ["", "nan", "1e308", "9" * 40, str(2**63 - 1)])
def test_a_version_that_somebody_else_wrote_keeps_nothing_from_ending(bench: Workbench, odd: str) -> None:
    claim = bench.start()
    bench.redis.hset(keys.record(claim.job_id), "version", odd)
    bench.succeed(claim)
    job = bench.read(claim.job_id)
    assert job.state is State.SUCCEEDED
    assert job.version > 1_700_000_000_000


def test_the_version_is_read_by_polls_and_lists(bench: Workbench) -> None:
    assert "version" in RECORD_FIELDS
    job = bench.submit(ONCE)
    anything: Any = {"states": frozenset(), "types": frozenset(), "labels": {}, "limit": 5, "cursor": None}
    page = bench.run(bench.lister.page(owner=OWNER, **anything))
    assert [each.version for each in page.jobs] == [1] == [bench.read(job.id).version]


def test_where_nobody_may_publish_all_else_goes_on(redis_program: Path) -> None:
    with closing(Private(redis_program)) as private, redis.Redis.from_url(private.url) as admin:
        admin.execute_command("ACL", "SETUSER", "mute", "on", ">x", "~*", "resetchannels", "+@all")
        with closing(Workbench(Real(private.url.replace("unix://", "unix://mute:x@")), Settings())) as bench:
            claim = bench.start()
            bench.succeed(claim)
            assert bench.read(claim.job_id).state is State.SUCCEEDED


def test_a_redis_that_takes_no_changes_still_tells_what_it_has(redis_program: Path) -> None:
    with closing(Private(redis_program)) as private, closing(Workbench(Real(private.url), Settings())) as bench:
        job = bench.submit()
        bench.redis.hset(rq_job(job.id), "status", "canceled")
        bench.redis.config_set("min-replicas-to-write", 1)
        assert bench.read(job.id).state is State.QUEUED
