"""Submitting: whole or not at all, once per idempotency key, and no deeper than a queue may be."""

import asyncio
from typing import Any

import pytest

from pollable.errors import IdempotencyKeyReused, QueueFull
from pollable.ids import parse_id
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.model import Job, State
from pollable.storage import keys
from tests.jobs.workbench import ONCE, OWNER, PATIENT, STRANGER, THRICE, URGENT, Workbench, until, with_settings


def test_a_submitted_job_reads_as_it_was_answered(bench: Workbench) -> None:
    job = bench.submit(THRICE, context=b'{"projectId":"p"}')
    assert bench.read(job.id) == job
    assert (job.state, job.rq_status, job.type, job.queue) == (State.QUEUED, "queued", "thrice", "pollable")
    assert (job.attempts, job.max_attempts, job.progress) == (0, 3, 0)
    assert parse_id(job.id) == job.id
    assert bench.queued() == [job.id]


def test_jobs_leave_a_queue_in_the_order_of_their_submission(bench: Workbench) -> None:
    ids = [bench.submit().id for _ in range(5)]
    assert [bench.pop() for _ in ids] == [job_id.encode() for job_id in ids]


def test_a_type_names_its_queue_and_a_submission_may_name_another(bench: Workbench) -> None:
    bench.submit(URGENT)
    bench.submit(URGENT, queue="pollable-low")
    assert (len(bench.queued("pollable-high")), len(bench.queued("pollable-low")), len(bench.queued())) == (1, 1, 0)


@pytest.mark.parametrize("when", ["delay_ms", "run_at"])
def test_a_job_for_later_is_scheduled_and_queued_when_it_is_due(bench: Workbench, when: str) -> None:
    now = bench.submit().created_at
    job = bench.submit(ONCE, **_at(when, 300 if when == "delay_ms" else now + 300))
    assert (job.state, job.rq_status) == (State.SCHEDULED, "scheduled")
    assert bench.read(job.id) == job
    assert job.id not in bench.queued()
    assert bench.redis.zscore("rq:scheduled:pollable", job.id) is not None
    until(lambda: bench.read(job.id).state, lambda state: state is State.QUEUED, within_s=3)


@pytest.mark.parametrize(("when", "value"), [("delay_ms", 0), ("run_at", 0), ("run_at", 1_600_000_000_000)])
def test_a_time_that_has_passed_means_at_once(bench: Workbench, when: str, value: int) -> None:
    job = bench.submit(ONCE, **_at(when, value))
    assert (job.state, job.run_at) == (State.QUEUED, job.created_at)
    assert bench.queued() == [job.id]


def test_two_hundred_simultaneous_submits_are_two_hundred_jobs(bench: Workbench) -> None:
    jobs = bench.run(_together(bench.jobs, *(_submission() for _ in range(200))))
    assert len({job.id for job in jobs}) == len(set(bench.queued())) == 200


def test_a_full_queue_refuses_and_leaves_redis_as_it_was(bench: Workbench) -> None:
    with_settings(bench, max_queue_depth=2)
    bench.submit()
    bench.submit()
    before = bench.snapshot()
    with pytest.raises(QueueFull) as refusal:
        bench.submit(idempotency_key="key")
    assert refusal.value.retry_after_s == 10
    assert bench.snapshot() == before


def test_the_depth_of_one_queue_is_no_matter_to_another(bench: Workbench) -> None:
    with_settings(bench, max_queue_depth=1)
    bench.submit()
    assert bench.submit(URGENT).state is State.QUEUED


def test_a_queue_takes_jobs_again_when_one_has_begun(bench: Workbench) -> None:
    with_settings(bench, max_queue_depth=1)
    bench.start()
    assert bench.submit().state is State.QUEUED


def test_of_simultaneous_submits_only_as_many_get_in_as_there_is_room_for(bench: Workbench) -> None:
    with_settings(bench, max_queue_depth=7)
    answers = bench.run(_settled(bench.jobs, *(_submission() for _ in range(50))))
    assert sum(isinstance(answer, Job) for answer in answers) == len(bench.queued()) == 7
    assert sum(isinstance(answer, QueueFull) for answer in answers) == 43


def test_two_hundred_simultaneous_submits_with_one_key_are_one_job(bench: Workbench) -> None:
    other_redis = bench.backend.connect_async()
    reader = JobReader(other_redis, bench.settings)
    other = JobWriter(other_redis, settings=bench.settings, catalog=bench.catalog, reader=reader)

    async def from_two_processes() -> list[Job]:
        submission = _submission(idempotency_key="key")
        halves = await asyncio.gather(*(_together(jobs, *[submission] * 100) for jobs in (bench.jobs, other)))
        await other_redis.aclose()
        return [*halves[0], *halves[1]]

    answers = bench.run(from_two_processes())
    assert len(answers) == 200
    assert all(answer == answers[0] for answer in answers)
    assert bench.queued() == [answers[0].id]


def test_a_replay_shows_the_job_as_it_now_is(bench: Workbench) -> None:
    first = bench.submit(idempotency_key="key")
    claim = bench.claim(first.id)
    assert bench.submit(idempotency_key="key") == bench.read(first.id)
    assert bench.read(first.id).state is State.RUNNING
    bench.succeed(claim)
    assert bench.submit(idempotency_key="key").result == b'{"answer":42}'
    bench.delete(first.id)
    assert bench.submit(idempotency_key="key") == first, "what is no longer there is answered as it was"
    assert bench.queued() == [first.id], "none was queued beside the first"


def test_a_replay_says_that_it_is_one(bench: Workbench) -> None:
    submission = _submission(idempotency_key="key")
    first, second = (bench.run(bench.jobs.submit(submission)) for _ in range(2))
    assert (first.is_replay, second.is_replay) == (False, True)
    assert first.job == second.job


def test_a_replay_of_a_delayed_submit_is_queued_once_it_is_due(bench: Workbench) -> None:
    first = bench.submit(idempotency_key="key", delay_ms=200)
    until(lambda: bench.read(first.id).state, lambda state: state is State.QUEUED, within_s=10)
    again = bench.submit(idempotency_key="key", delay_ms=200)
    assert (again.id, again.state) == (first.id, State.QUEUED)


def test_labels_are_kept_and_known_to_the_attempt(bench: Workbench) -> None:
    job = bench.submit(labels=b'{"month":"2026-10"}')
    assert bench.read(job.id).labels == job.labels == bench.claim(job.id).labels == b'{"month":"2026-10"}'


@pytest.mark.parametrize(
    "other",
    [
        {"payload": b"2"},
        {"context": b'{"projectId":"other"}'},
        {"labels": b'{"month":"2026-10"}'},
        {"queue": "pollable-low"},
        {"delay_ms": 5000},
        {"run_at": 4_000_000_000_000},
        {"type_": THRICE},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_key_with_another_request_is_refused(bench: Workbench, other: dict[str, Any]) -> None:
    bench.submit(idempotency_key="key")
    before = bench.snapshot()
    with pytest.raises(IdempotencyKeyReused):
        bench.submit(idempotency_key="key", **other)
    assert bench.snapshot() == before


def test_a_strangers_same_key_is_another_key(bench: Workbench) -> None:
    mine, theirs = bench.submit(idempotency_key="key"), bench.submit(idempotency_key="key", owner=STRANGER)
    assert mine.id != theirs.id


def test_a_refused_submit_does_not_use_up_its_key(bench: Workbench) -> None:
    with_settings(bench, max_queue_depth=1)
    blocking = bench.submit()
    with pytest.raises(QueueFull):
        bench.submit(idempotency_key="key")
    bench.cancel(blocking.id)
    assert bench.submit(idempotency_key="key").state is State.QUEUED


@pytest.mark.parametrize("key", ["k" * 4000, "a:b\r\n", "ключ", " "], ids=["long", "separators", "cyrillic", "blank"])
def test_any_text_can_be_a_key(bench: Workbench, key: str) -> None:
    assert bench.submit(idempotency_key=key) == bench.submit(idempotency_key=key)


def test_a_key_is_kept_for_a_day(bench: Workbench) -> None:
    bench.submit(idempotency_key="key")
    (name,) = (name for name in bench.snapshot() if name.startswith("rq:pollable:idem:"))
    assert 86_390 < bench.redis.ttl(name) <= 86_400


def test_the_payload_is_in_the_record_and_nowhere_that_a_dashboard_looks(bench: Workbench) -> None:
    job = bench.submit(payload=b'{"secret":"hunter2"}')
    assert bench.record(job.id)["payload"] == b'{"secret":"hunter2"}'
    assert not any(b"hunter2" in value for value in bench.rq_hash(job.id).values())
    assert bench.rq_hash(job.id)["description"] == b"once"


def test_the_owners_list_forgets_the_oldest_ids_once_they_have_expired(bench: Workbench) -> None:
    bench.redis.zadd(keys.owner(OWNER), {"expired-two-days-ago": 1_600_000_000_000})
    job = bench.submit(PATIENT)
    assert bench.redis.zrange(keys.owner(OWNER), 0, -1) == [job.id.encode()]


def _at(when: str, value: int) -> dict[str, Any]:
    return {when: value}


def _submission(*, idempotency_key: str | None = None) -> Submission:
    return Submission(type=ONCE, payload=b"1", owner=OWNER, idempotency_key=idempotency_key)


async def _together(jobs: JobWriter, *submissions: Submission) -> list[Job]:
    return [each.job for each in await asyncio.gather(*(jobs.submit(each) for each in submissions))]


async def _settled(jobs: JobWriter, *submissions: Submission) -> list[Job | BaseException]:
    settled = await asyncio.gather(*(jobs.submit(each) for each in submissions), return_exceptions=True)
    return [each if isinstance(each, BaseException) else each.job for each in settled]
