"""Claims of the core about rare things: outcomes sent again, damaged data of other code, odd settings and messages."""

import asyncio
from typing import Any

import pytest
from rq.job import JobStatus

from pollable.errors import SettingsError
from pollable.model import Job, State
from pollable.settings import from_environment
from pollable.worker.claims import Ending, Outcome
from pollable.worker.context import JobContext, begun, report_progress
from pollable.worker.progress import Reporter
from tests.jobs.test_foreign_jobs import enqueue
from tests.jobs.workbench import ONCE, OWNER, THRICE, Workbench, until, with_settings

RELEASED = Outcome(kind=Ending.RELEASED)


@pytest.mark.parametrize("type_", [ONCE, THRICE], ids=["no attempts left", "attempts left"])
def test_a_job_handed_back_twice_gets_the_same_answer(bench: Workbench, type_: Any) -> None:
    claim = bench.start(type_)
    first = bench.claims.complete(claim, RELEASED)
    before = bench.snapshot()
    assert bench.claims.complete(claim, RELEASED) == first
    assert bench.snapshot() == before


@pytest.mark.parametrize("outcome", [RELEASED, Outcome(kind=Ending.FAILED, may_retry=True)], ids=["released", "retry"])
def test_an_outcome_sent_again_while_the_next_attempt_runs_does_not_end_it(bench: Workbench, outcome: Outcome) -> None:
    claim = bench.start(THRICE)
    bench.claims.complete(claim, outcome)
    bench.claim(claim.job_id)
    assert bench.claims.complete(claim, outcome).kind in {"refused", "released"}
    assert bench.read(claim.job_id).state is State.RUNNING


@pytest.mark.parametrize("fields", [{"status": b"\xff"}, {"origin": b"\xff"}], ids=["status", "origin"])
def test_a_foreign_hash_that_is_not_utf8_is_read(bench: Workbench, fields: dict[Any, Any]) -> None:
    with_settings(bench, foreign_jobs="read")
    theirs = enqueue(bench)
    bench.redis.hset(theirs.key, mapping=fields)
    assert bench.read(theirs.id).state is State.QUEUED


@pytest.mark.parametrize("text", ["%%%", "A", b"\xff"], ids=["no letters", "cut off", "no text"])
def test_a_foreign_traceback_that_is_not_base64_is_read(bench: Workbench, text: Any) -> None:
    with_settings(bench, foreign_jobs="read")
    theirs = enqueue(bench)
    theirs.set_status(JobStatus.FAILED)
    bench.redis.xadd(f"rq:results:{theirs.id}", {"type": 2, "exc_string": text})
    bench.redis.expire(f"rq:results:{theirs.id}", 600)
    assert bench.read(theirs.id).state is State.FAILED


@pytest.mark.parametrize("key", ["rq:job:{}", "rq:results:{}"], ids=["hash", "results"])
def test_a_foreign_key_of_another_kind_does_not_disturb_who_asks_at_the_same_time(bench: Workbench, key: str) -> None:
    with_settings(bench, foreign_jobs="read")
    theirs, mine = enqueue(bench), bench.submit()
    bench.redis.set(key.format(theirs.id), "x", ex=600)

    async def both() -> list[Job | BaseException]:
        reads = (bench.store.read(job_id, owner=OWNER) for job_id in (theirs.id, mine.id))
        return await asyncio.gather(*reads, return_exceptions=True)

    assert bench.run(both())[1] == mine


@pytest.mark.parametrize("lease", ["nan", "inf", "1e300"])
def test_a_lease_is_a_time_that_ends(lease: str) -> None:
    with pytest.raises(SettingsError, match="POLLABLE_LEASE_S"):
        from_environment({"POLLABLE_LEASE_S": lease})


def test_a_progress_message_that_is_no_utf8_is_sent_as_far_as_it_goes(bench: Workbench) -> None:
    claim = bench.start()
    reporter = Reporter(lambda progress: bench.claims.renew(claim, progress=progress))
    with begun(JobContext(), reporter=reporter):
        report_progress(40, "page \ud800")
        until(lambda: bench.read(claim.job_id).progress, lambda progress: progress == 40)
    reporter.close()
    assert bench.read(claim.job_id).message == "page ?"
