"""Claiming: one attempt at a time, whoever asks and however often."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pollable.model import State
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Claim, Claims, Ending, Outcome, Progress, Refused
from tests.jobs.workbench import KNOWN, ONCE, THRICE, Workbench, until
from tests.keyspace import LEASES, pending


def test_a_claimed_job_reads_running_with_its_first_attempt(bench: Workbench) -> None:
    claim = bench.start(payload=b'{"pages":8}', context=b'{"projectId":"p"}')
    job = bench.read(claim.job_id)
    assert (job.state, job.rq_status, job.attempts, job.progress) == (State.RUNNING, "started", 1, 0)
    assert job.started_at is not None
    assert (claim.payload, claim.context) == (b'{"pages":8}', b'{"projectId":"p"}')
    assert (claim.type, claim.attempt, claim.max_attempts, claim.timeout_s) == ("once", 1, 1, 600)


def test_an_id_that_was_pushed_twice_is_claimed_once(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.rpush("rq:queue:pollable", job.id)
    assert bench.pop() == bench.pop() == job.id.encode()
    assert isinstance(bench.claims.claim(job.id), Claim)
    assert bench.claims.claim(job.id) == Refused("running")


def test_of_forty_workers_that_claim_at_once_one_gets_the_job(bench: Workbench) -> None:
    job = bench.submit()
    claimants = [Claims(bench.backend.connect(), lease_s=30, types=KNOWN) for _ in range(8)]
    with ThreadPoolExecutor(len(claimants)) as pool:
        answers = list(pool.map(lambda number: claimants[number % 8].claim(job.id), range(40)))
    assert sum(isinstance(answer, Claim) for answer in answers) == 1
    assert bench.read(job.id).attempts == 1


def test_a_claim_whose_reply_was_lost_gives_the_same_attempt_when_sent_again(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    script = bench.redis.register_script(source("claim"))
    arguments: list[str | int] = [keys.PREFIX, keys.RQ_PREFIX, job.id, "token-1", 30_000, "thrice"]
    arguments += ["", "", 0, "attempt", "max_attempts"]
    first: Any = script(args=arguments)
    assert script(args=arguments) == first
    assert (first[0], first[2:]) == (b"claimed", [b"1", b"3"])
    assert bench.read(job.id).attempts == 1


def test_an_id_without_a_record_is_refused(bench: Workbench) -> None:
    assert bench.claims.claim("no-such-job") == Refused("missing")
    assert bench.snapshot() == {}


def test_a_cancelled_job_cannot_be_claimed(bench: Workbench) -> None:
    job = bench.submit()
    bench.cancel(job.id)
    assert bench.claims.claim(job.id) == Refused("cancelled")


def test_an_ended_job_cannot_be_claimed(bench: Workbench) -> None:
    claim = bench.start()
    bench.succeed(claim)
    assert bench.claims.claim(claim.job_id) == Refused("succeeded")


def test_a_claim_takes_the_id_out_of_the_intermediate_list(bench: Workbench) -> None:
    job = bench.submit()
    bench.pop()
    assert bench.redis.llen("rq:queue:pollable:intermediate") == 1
    bench.claim(job.id)
    assert bench.redis.llen("rq:queue:pollable:intermediate") == 0


def test_a_renewed_lease_does_not_lapse_and_carries_progress(bench: Workbench) -> None:
    job = bench.submit()
    claim = bench.claim(job.id, lease_s=0.2)
    until(lambda: bench.read(job.id).stalled, bool)
    assert bench.claims.renew(claim, progress=Progress(40, "page 3 of 8")) == "held"
    renewed = bench.read(job.id)
    assert (renewed.stalled, renewed.progress, renewed.message) == (False, 40, "page 3 of 8")


def test_a_renewal_without_progress_keeps_what_was_reported(bench: Workbench) -> None:
    claim = bench.start()
    bench.claims.renew(claim, progress=Progress(40, "page 3 of 8"))
    bench.claims.renew(claim)
    assert (bench.read(claim.job_id).progress, bench.read(claim.job_id).message) == (40, "page 3 of 8")


def test_a_renewal_learns_that_somebody_asked_for_the_end(bench: Workbench) -> None:
    claim = bench.start()
    bench.cancel(claim.job_id)
    assert bench.claims.renew(claim) == "stop"


@pytest.mark.parametrize("end", [Ending.SUCCEEDED, Ending.FAILED, Ending.STOPPED])
def test_a_renewal_after_the_end_is_told_that_the_attempt_is_done(bench: Workbench, end: Ending) -> None:
    claim = bench.start()
    bench.claims.complete(claim, Outcome(kind=end, code="exception"))
    before = bench.snapshot()
    assert bench.claims.renew(claim, progress=Progress(50, "too late")) == "done"
    assert bench.snapshot() == before


def test_a_second_attempt_starts_with_no_progress_and_the_first_start(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    first = bench.read(claim.job_id)
    bench.claims.renew(claim, progress=Progress(40, "page 3 of 8"))
    bench.fail(claim, may_retry=True)
    bench.claim(claim.job_id)
    second = bench.read(claim.job_id)
    assert (second.attempts, second.progress, second.message) == (2, 0, None)
    assert second.started_at == first.started_at


def test_the_lists_of_running_and_waiting_jobs_follow_the_claim(bench: Workbench) -> None:
    job = bench.submit(ONCE)
    assert bench.redis.zrange(pending("pollable"), 0, -1) == [job.id.encode()]
    bench.claim(job.id)
    assert bench.redis.zrange(LEASES, 0, -1) == [job.id.encode()]
    assert bench.redis.zcard(pending("pollable")) == 0
