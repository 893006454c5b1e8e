"""Claiming: one attempt at a time, whoever asks and however often."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service import keys
from service.fence import Claim, Fence, Outcome, Refusal
from service.model import State
from service.scripts import load
from tests.core.workbench import ONCE, THRICE, Workbench, until


def test_a_claimed_job_reads_running_with_its_first_attempt(bench: Workbench) -> None:
    claim = bench.start(payload=b'{"pages":8}', context=b'{"projectId":"p"}')
    job = bench.read(claim.job_id)
    assert (job.state, job.rq_status, job.attempts, job.progress) == (State.RUNNING, "started", 1, 0)
    assert job.started_at is not None
    assert (claim.payload, claim.context) == (b'{"pages":8}', b'{"projectId":"p"}')
    assert (claim.type, claim.attempt, claim.max_attempts, claim.timeout_s) == ("once", 1, 1, 600)


def test_an_id_that_was_pushed_twice_is_claimed_once(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.rpush("rq:queue:default", job.id)
    assert bench.pop() == bench.pop() == job.id.encode()
    assert isinstance(bench.fence.claim(job.id), Claim)
    assert bench.fence.claim(job.id) == Refusal("running")


def test_of_forty_workers_that_claim_at_once_one_gets_the_job(bench: Workbench) -> None:
    job = bench.submit()
    fences = [Fence(bench.backend.connect(), lease_s=30) for _ in range(8)]
    with ThreadPoolExecutor(len(fences)) as pool:
        answers = list(pool.map(lambda number: fences[number % 8].claim(job.id), range(40)))
    assert sum(isinstance(answer, Claim) for answer in answers) == 1
    assert bench.read(job.id).attempts == 1


def test_a_claim_whose_reply_was_lost_gives_the_same_attempt_when_sent_again(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    script = bench.redis.register_script(load("claim"))
    arguments: list[str | int] = [keys.PREFIX, keys.RQ_PREFIX, job.id, "token-1", 30_000]
    first: Any = script(args=arguments)
    assert script(args=arguments) == first
    assert first[:3] == [b"claimed", b"1", b"3"]
    assert bench.read(job.id).attempts == 1


def test_an_id_without_a_record_is_refused(bench: Workbench) -> None:
    assert bench.fence.claim("no-such-job") == Refusal("missing")
    assert bench.snapshot() == {}


def test_a_cancelled_job_cannot_be_claimed(bench: Workbench) -> None:
    job = bench.submit()
    bench.cancel(job.id)
    assert bench.fence.claim(job.id) == Refusal("cancelled")


def test_an_ended_job_cannot_be_claimed(bench: Workbench) -> None:
    claim = bench.start()
    bench.succeed(claim)
    assert bench.fence.claim(claim.job_id) == Refusal("succeeded")


def test_a_claim_takes_the_id_out_of_the_intermediate_list(bench: Workbench) -> None:
    job = bench.submit()
    bench.pop()
    assert bench.redis.llen("rq:queue:default:intermediate") == 1
    bench.claim(job.id)
    assert bench.redis.llen("rq:queue:default:intermediate") == 0


def test_a_renewed_lease_does_not_lapse_and_carries_progress(bench: Workbench) -> None:
    job = bench.submit()
    claim = bench.claim(job.id, lease_s=0.2)
    until(lambda: bench.read(job.id).stalled, bool)
    assert bench.fence.renew(claim, 40, "page 3 of 8") == "held"
    renewed = bench.read(job.id)
    assert (renewed.stalled, renewed.progress, renewed.message) == (False, 40, "page 3 of 8")


def test_a_renewal_without_progress_keeps_what_was_reported(bench: Workbench) -> None:
    claim = bench.start()
    bench.fence.renew(claim, 40, "page 3 of 8")
    bench.fence.renew(claim)
    assert (bench.read(claim.job_id).progress, bench.read(claim.job_id).message) == (40, "page 3 of 8")


def test_a_renewal_learns_that_somebody_asked_for_the_end(bench: Workbench) -> None:
    claim = bench.start()
    bench.cancel(claim.job_id)
    assert bench.fence.renew(claim) == "stop"


@pytest.mark.parametrize("end", ["succeeded", "failed", "stopped"])
def test_a_renewal_after_the_end_is_told_that_the_attempt_is_done(bench: Workbench, end: Any) -> None:
    claim = bench.start()
    bench.fence.complete(claim, Outcome(kind=end, code="exception"))
    before = bench.snapshot()
    assert bench.fence.renew(claim, 50, "too late") == "done"
    assert bench.snapshot() == before


def test_a_second_attempt_starts_with_no_progress_and_the_first_start(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    first = bench.read(claim.job_id)
    bench.fence.renew(claim, 40, "page 3 of 8")
    bench.fail(claim, may_retry=True)
    bench.claim(claim.job_id)
    second = bench.read(claim.job_id)
    assert (second.attempts, second.progress, second.message) == (2, 0, None)
    assert second.started_at == first.started_at


def test_the_lists_of_running_and_waiting_jobs_follow_the_claim(bench: Workbench) -> None:
    job = bench.submit(ONCE)
    assert bench.redis.zrange(keys.pending("default"), 0, -1) == [job.id.encode()]
    bench.claim(job.id)
    assert bench.redis.zrange(keys.leases(), 0, -1) == [job.id.encode()]
    assert bench.redis.zcard(keys.pending("default")) == 0
