"""Cancelling, rerunning and deleting, from every state that a job can be in."""

from collections.abc import Callable
from typing import Any

import pytest

from pollable.errors import JobExpired, JobNotFound, UnknownJobType, WrongState
from pollable.ids import as_ulid
from pollable.model import State
from pollable.storage import keys
from pollable.worker.claims import Ending, Outcome, Refused
from tests.jobs.workbench import OWNER, PATIENT, STRANGER, THRICE, URGENT, Workbench, job_type
from tests.keyspace import LEASES, pending, rq_job

LIVE: dict[str, Callable[[Workbench], str]] = {
    "queued": lambda bench: bench.submit().id,
    "scheduled": lambda bench: bench.submit(delay_ms=60_000).id,
    "running": lambda bench: bench.start().job_id,
    "waiting for its second attempt": lambda bench: _waiting_for_retry(bench),
}


def _waiting_for_retry(bench: Workbench) -> str:
    claim = bench.start(PATIENT)
    bench.fail(claim, may_retry=True, delay_s=60)
    return claim.job_id


def _ended(bench: Workbench, kind: Any) -> str:
    claim = bench.start()
    bench.claims.complete(claim, Outcome(kind=kind, result=b"1", code="exception", message="boom"))
    return claim.job_id


def _cancelled(bench: Workbench) -> str:
    return bench.cancel(bench.submit().id).id


ENDED: dict[str, Callable[[Workbench], str]] = {
    "succeeded": lambda bench: _ended(bench, "succeeded"),
    "failed": lambda bench: _ended(bench, "failed"),
    "stopped": lambda bench: _ended(bench, "stopped"),
    "cancelled": _cancelled,
}
live = pytest.mark.parametrize("make", LIVE.values(), ids=LIVE.keys())
ended = pytest.mark.parametrize("make", ENDED.values(), ids=ENDED.keys())


@pytest.mark.parametrize(
    "make", [make for name, make in LIVE.items() if name != "running"], ids=[name for name in LIVE if name != "running"]
)
def test_a_job_that_waits_is_cancelled_at_once(bench: Workbench, make: Callable[[Workbench], str]) -> None:
    job = bench.cancel(make(bench))
    assert (job.state, job.rq_status, job.error) == (State.CANCELLED, "canceled", None)
    assert job.ended_at is not None
    assert bench.queued() == []
    assert bench.redis.zcard("rq:scheduled:pollable") == bench.redis.zcard(pending("pollable")) == 0
    assert bench.rq_hash(job.id)["status"] == b"canceled"
    assert bench.redis.zscore("rq:canceled:pollable", job.id) is not None


def test_cancelling_a_running_job_is_a_request_until_the_worker_agrees(bench: Workbench) -> None:
    claim = bench.start()
    job = bench.cancel(claim.job_id)
    assert job.state is State.RUNNING
    assert bench.cancel(claim.job_id).state is State.RUNNING
    bench.claims.complete(claim, Outcome(kind=Ending.STOPPED))
    assert bench.read(claim.job_id).state is State.CANCELLED


def test_cancelling_a_running_job_tells_its_worker_over_rqs_command_channel(bench: Workbench) -> None:
    claim = bench.start()
    bench.redis.hset(rq_job(claim.job_id), "worker_name", "worker-7")
    with bench.redis.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
        channel.subscribe("rq:pubsub:worker-7")
        channel.get_message(timeout=1)
        bench.cancel(claim.job_id)
        messages = (channel.get_message(timeout=1) for _ in range(5))
        told = next(message for message in messages if message)
    assert told["data"] == b'{"command":"stop-job","job_id":"' + claim.job_id.encode() + b'"}'


@ended
def test_an_ended_job_cannot_be_cancelled(bench: Workbench, make: Callable[[Workbench], str]) -> None:
    job_id = make(bench)
    # That somebody read of its end is written down once.
    state = bench.read(job_id).state.value
    before = bench.snapshot()
    with pytest.raises(WrongState) as refusal:
        bench.cancel(job_id)
    assert refusal.value.extra == {"state": state}
    assert bench.snapshot() == before


@ended
def test_an_ended_job_runs_again_as_a_new_one_and_stays_as_it_was(
    bench: Workbench, make: Callable[[Workbench], str]
) -> None:
    job_id = make(bench)
    old, record = bench.read(job_id), bench.record(job_id)
    new = bench.rerun(job_id)
    assert (new.state, new.original_id, new.owner, new.type, new.queue) == (
        State.QUEUED, job_id, OWNER, old.type, old.queue
    )  # fmt: skip
    assert new.id != job_id
    assert bench.read(new.id) == new
    assert (bench.read(job_id), bench.record(job_id)) == (old, record)


def test_a_rerun_gets_the_payload_the_context_and_the_queue_of_the_first_run(bench: Workbench) -> None:
    claim = bench.start(payload=b'{"text":"\xc3\xa9t\xc3\xa9"}', context=b'{"projectId":"p"}', queue="pollable-low")
    bench.fail(claim)
    again = bench.claim(bench.rerun(claim.job_id).id)
    assert (again.payload, again.context) == (claim.payload, claim.context)
    assert bench.queued("pollable-low")[-1] == again.job_id


def test_an_operator_reruns_a_job_for_its_owner(bench: Workbench) -> None:
    job_id = ENDED["succeeded"](bench)
    assert bench.read(bench.rerun(job_id, owner=None).id, owner=OWNER).original_id == job_id


def test_a_job_whose_type_is_gone_cannot_be_rerun(bench: Workbench) -> None:
    claim = bench.start(job_type("retired"))
    bench.succeed(claim)
    with pytest.raises(UnknownJobType):
        bench.rerun(claim.job_id)


@live
@pytest.mark.parametrize("verb", [Workbench.rerun, Workbench.delete], ids=["rerun", "delete"])
def test_a_live_job_can_be_neither_rerun_nor_deleted(
    bench: Workbench, make: Callable[[Workbench], str], verb: Callable[[Workbench, str], object]
) -> None:
    job_id = make(bench)
    before = bench.snapshot()
    with pytest.raises(WrongState) as refusal:
        verb(bench, job_id)
    assert refusal.value.extra == {"state": bench.read(job_id).state.value}
    assert bench.snapshot() == before


@ended
def test_a_deleted_job_reads_as_expired_and_leaves_nothing_of_its_own(
    bench: Workbench, make: Callable[[Workbench], str]
) -> None:
    job_id = make(bench)
    bench.redis.xadd(f"rq:results:{job_id}", {"type": "1"})
    bench.delete(job_id)
    with pytest.raises(JobExpired):
        bench.read(job_id)
    with pytest.raises(JobNotFound):
        bench.read(job_id, owner=STRANGER)
    # How long it took is known of its type, not of it.
    assert set(bench.snapshot()) - {"rq:pollable:durations"} == {keys.owner(OWNER), "rq:queues"}
    with pytest.raises(JobExpired):
        bench.delete(job_id)


@pytest.mark.parametrize("verb", [Workbench.cancel, Workbench.rerun, Workbench.delete])
@pytest.mark.parametrize("make", [*LIVE.values(), *ENDED.values()], ids=[*LIVE, *ENDED])
def test_a_strangers_request_finds_nothing_and_changes_nothing(
    bench: Workbench, make: Callable[[Workbench], str], verb: Callable[..., object]
) -> None:
    job_id = make(bench)
    before = bench.snapshot()
    with pytest.raises(JobNotFound):
        verb(bench, job_id, owner=STRANGER)
    assert bench.snapshot() == before


@pytest.mark.parametrize("verb", [Workbench.cancel, Workbench.rerun, Workbench.delete])
@pytest.mark.parametrize("job_id", ["", "../x", "0" * 5000, "a:b", "🙂", "never-was"], ids=lambda text: text[:9])
def test_rubbish_is_no_job(bench: Workbench, job_id: str, verb: Callable[[Workbench, str], object]) -> None:
    with pytest.raises(JobNotFound):
        verb(bench, job_id)
    assert bench.snapshot() == {}


def test_either_spelling_of_an_id_cancels_reruns_and_deletes(bench: Workbench) -> None:
    job = bench.submit()
    assert bench.cancel(as_ulid(job.id)).id == job.id
    assert bench.rerun(job.id.upper()).original_id == job.id
    bench.delete(as_ulid(job.id).lower())
    with pytest.raises(JobExpired):
        bench.read(job.id)


def test_a_job_cancelled_between_pop_and_claim_does_not_run(bench: Workbench) -> None:
    job = bench.submit(URGENT)
    bench.pop("pollable-high")
    bench.cancel(job.id)
    assert not bench.redis.exists(LEASES)
    assert bench.claims.claim(job.id) == Refused("cancelled")
    assert bench.redis.llen("rq:queue:high:intermediate") == 0


def test_cancelled_jobs_do_not_pile_up_in_rqs_registry(bench: Workbench) -> None:
    bench.redis.zadd("rq:canceled:pollable", {"long-gone": 1})
    bench.cancel(bench.submit(THRICE).id)
    assert bench.redis.zscore("rq:canceled:pollable", "long-gone") is None


@pytest.mark.parametrize("kind", [Ending.SUCCEEDED, Ending.FAILED])
def test_a_job_that_ends_before_its_worker_hears_of_the_wish_was_not_cancelled(
    bench: Workbench, kind: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, read = bench.start(), bench.store.read

    async def read_later(job_id: str, *, owner: str | None) -> Any:
        bench.claims.complete(claim, Outcome(kind=kind, result=b"1", code="exception", message="boom"))
        return await read(job_id, owner=owner)

    monkeypatch.setattr(bench.store, "read", read_later)
    with pytest.raises(WrongState) as refusal:
        bench.cancel(claim.job_id)
    assert refusal.value.extra == {"state": kind.value}
