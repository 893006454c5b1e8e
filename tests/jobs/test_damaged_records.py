"""A record into which somebody else wrote: it fails alone, and stops nothing."""

import pytest

from pollable.errors import JobNotFound, RecordDamaged, WrongState
from pollable.model import State
from pollable.storage import keys
from tests.jobs.workbench import OWNER, Workbench
from tests.keyspace import LEASES, pending


@pytest.mark.parametrize("field", ["type", "queue", "progress", "created_at", "max_attempts"])
def test_a_record_without_a_field_fails_alone_and_says_so(
    bench: Workbench, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, whole = bench.submit(), bench.submit()
    bench.redis.hdel(keys.record(damaged.id), field)
    with pytest.raises(RecordDamaged):
        bench.read(damaged.id)
    assert f"the record of job {damaged.id} is damaged" in caplog.text
    assert bench.run(bench.store.read_many([damaged.id, whole.id], owner=OWNER)) == [None, bench.read(whole.id)]
    assert [job.id for job in bench.run(bench.lister.page(owner=OWNER)).jobs] == [whole.id]


def test_a_state_that_is_none_is_damage(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.hset(keys.record(job.id), "state", "dancing")
    bench.redis.expire(keys.record(job.id), 60)
    with pytest.raises(RecordDamaged):
        bench.read(job.id)


def test_a_record_that_is_no_hash_is_damage_and_cannot_be_changed(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.delete(keys.record(job.id))
    bench.redis.set(keys.record(job.id), "x", ex=60)
    with pytest.raises(RecordDamaged):
        bench.read(job.id)
    with pytest.raises((JobNotFound, RecordDamaged, WrongState)):
        bench.cancel(job.id)
    with pytest.raises((JobNotFound, RecordDamaged, WrongState)):
        bench.delete(job.id)


def test_the_reaper_passes_by_a_record_that_is_no_hash(bench: Workbench) -> None:
    queued, running, lost = bench.submit(), bench.submit(), bench.submit()
    bench.claim(running.id, lease_s=0.05)
    for job in (queued, running):
        bench.redis.delete(keys.record(job.id))
        bench.redis.set(keys.record(job.id), "x", ex=60)
    bench.claim(lost.id, lease_s=0.05)
    bench.reap_until(lost.id, lambda job: job.state is State.FAILED)
    assert bench.redis.zscore(pending("pollable"), queued.id) is None
    assert bench.redis.zscore(LEASES, running.id) is None
