"""What the client does when all is well, on a real service with a real worker."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from pollable.client import Client, Job, JobCancelled, JobExpired, JobFailed, Refused, Snapshot, TimedOut
from tests.clients.ours.between import Between, answers
from tests.clients.ours.conftest import Make
from tests.clients.people import TEXT, token
from tests.system.running import until

UNKNOWN_COLUMN = {"content": "a\n1\n", "sourceFormat": "csv", "targetFormat": "jsonl", "columns": ["colour"]}


class Question(msgspec.Struct):
    question: str
    correct_answer: str


class Assessment(msgspec.Struct):
    mcqs: list[Question]


def test_a_job_is_run_in_one_call(client: Client) -> None:
    assert client.run("nap", 0, timeout=30) == "rested"


def test_a_result_is_of_the_type_that_is_asked_for(client: Client) -> None:
    job = client.submit("generate_assessment", {"text": TEXT, "questions": 1})
    (question,) = job.result(timeout=30, as_=Assessment).mcqs
    assert question.correct_answer == "chlorophyll"
    assert client.run("generate_assessment", {"text": TEXT, "questions": 1}, timeout=30, as_=Assessment).mcqs


def test_a_result_that_is_no_such_thing_says_where(client: Client) -> None:
    with pytest.raises(msgspec.ValidationError, match="Expected `int`, got `str`"):
        client.run("nap", 0, timeout=30, as_=int)


def test_a_submit_says_all_that_the_service_takes(client: Client) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    labels = {"month": "2026-11", "wünsch": "ja & nein"}
    job = client.submit("nap", 1, queue="parked", run_at=due, labels=labels, idempotency_key='a "key" \\ of mine')
    seen = job.status()
    assert (seen.state, seen.queue, dict(seen.labels)) == ("scheduled", "parked", labels)
    assert seen.run_at is not None
    assert abs(seen.run_at - due) < timedelta(seconds=1)
    again = client.submit("nap", 1, queue="parked", run_at=due, labels=labels, idempotency_key='a "key" \\ of mine')
    assert again.id == job.id
    assert client.last_headers["idempotency-replayed"] == "true"


def test_a_delay_is_in_seconds(client: Client) -> None:
    seen = client.submit("nap", 1, delay=600).status()
    assert seen.run_at is not None
    assert seen.created_at is not None
    assert seen.run_at - seen.created_at == timedelta(seconds=600)


def test_a_payload_may_be_a_struct(client: Client) -> None:
    class Text(msgspec.Struct):
        text: str
        questions: int

    assert client.run("generate_assessment", Text(TEXT, 1), timeout=30)["mcqs"]


@pytest.mark.parametrize("options", [{"que": "x"}, {"label": {}}, {"timeout": 3}], ids=str)
def test_an_option_that_there_is_not_is_refused_by_name(client: Client, options: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        client.submit("nap", 0, **options)  # type: ignore[arg-type] # that is what is tried


def test_a_job_is_resumed_by_its_id(make: Make, way: Between) -> None:
    caller = token("resuming")
    job_id = make(way.url, caller).submit("nap", 1).id
    job = make(way.url, caller).job(job_id)
    assert job.result(timeout=30) == "rested"
    assert job.status().progress.percent == 100


def test_a_job_that_failed_says_why(client: Client) -> None:
    with pytest.raises(JobFailed) as raised:
        client.run("export", UNKNOWN_COLUMN, timeout=30)
    assert (raised.value.code, raised.value.message) == ("column_unknown", "The table has no column 'colour'.")
    assert raised.value.job.state == "failed"
    assert raised.value.job.id in str(raised.value)


def test_a_job_that_was_cancelled_has_no_result(client: Client) -> None:
    job = client.submit("nap", 1, delay=600)
    assert job.cancel().state == "cancelled"
    with pytest.raises(JobCancelled, match=job.id):
        job.result(timeout=30)
    assert job.wait(timeout=30).state == "cancelled"


def test_a_running_job_is_cancelled(client: Client) -> None:
    job = client.submit("nap", 60)
    until(lambda: job.status().state == "running")
    assert job.cancel().state in ("running", "cancelled")
    assert job.wait(timeout=30).state == "cancelled"


def test_a_job_that_is_cancelled_can_be_cancelled_but_not_one_that_ended_otherwise(client: Client) -> None:
    job = client.submit("nap", 1, delay=600)
    job.cancel()
    assert job.cancel().state == "cancelled"
    failed = client.submit("export", UNKNOWN_COLUMN)
    failed.wait(timeout=30)
    with pytest.raises(Refused) as raised:
        failed.cancel()
    assert (raised.value.status, raised.value.code, raised.value.problem["state"]) == (409, "wrong_state", "failed")


def test_a_rerun_is_a_new_job(client: Client) -> None:
    job = client.submit("export", UNKNOWN_COLUMN)
    job.wait(timeout=30)
    again = job.rerun()
    assert again.id != job.id
    assert again.status().original_job_id == job.id
    assert again.wait(timeout=30).state == "failed"


def test_a_job_that_expired_is_told_from_one_that_never_was(client: Client) -> None:
    job = client.submit("nap", 0)
    job.wait(timeout=30)
    # Two seconds later its result is gone.
    until(lambda: has_expired(job))
    with pytest.raises(JobExpired) as raised:
        job.result(timeout=30)
    assert raised.value.code == "job_expired"
    with pytest.raises(Refused) as refused:
        client.job("01a201da-f176-747a-ae0d-6318d7ea3dd2").result(timeout=30)
    assert (refused.value.status, refused.value.code) == (404, "job_not_found")


def has_expired(job: Job) -> bool:
    try:
        job.status()
    except JobExpired:
        return True
    return False


@pytest.mark.parametrize("timeout", [0, 0.4, 1.6])
def test_who_waits_no_longer_leaves_the_job_as_it_is(client: Client, timeout: float) -> None:
    job = client.submit("nap", 1, delay=600)
    began = time.monotonic()
    with pytest.raises(TimedOut) as raised:
        job.result(timeout=timeout)
    assert timeout <= time.monotonic() - began < timeout + 5
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.job_id == job.id
    assert raised.value.job is not None
    assert raised.value.job.state == "scheduled"
    assert job.status().state == "scheduled"


def test_jobs_are_listed_page_by_page(client: Client, way: Between) -> None:
    ids = [client.submit("nap", 1, delay=600, labels={"batch": "x y"}).id for _ in range(60)]
    client.submit("nap", 1, delay=600, labels={"batch": "x y"}).cancel()
    listed = client.jobs(status=iter(("scheduled", "queued")), type=iter(["nap"]), labels={"batch": "x y"})
    assert next(listed).id == ids[-1]
    assert len(way.took(r"GET /jobs\?")) == 1
    assert [job.id for job in listed] == ids[-2::-1]
    assert len(way.took(r"GET /jobs\?")) == 2
    assert list(client.jobs(status="failed")) == []


def test_an_empty_page_with_a_cursor_is_not_the_end(client: Client, way: Between) -> None:
    ids = [client.submit("nap", 1, delay=600, labels={"batch": "far"}).id for _ in range(2)]
    nothing_yet = answers(200, b'{"jobs":[],"cursor":"9000000000000_00000000-0000-7000-8000-000000000000"}')
    way.fail(nothing_yet, nothing_yet, at=r"GET /jobs\?")
    assert [job.id for job in client.jobs(labels={"batch": "far"})] == ids[::-1]
    assert len(way.took(r"GET /jobs\?.*cursor=9000000000000_")) == 2


def test_changes_are_told_until_the_job_has_ended(client: Client) -> None:
    job = client.submit("generate_assessment", {"text": TEXT, "pace_s": 1.5})
    told: list[Snapshot] = list(client.events(job))
    assert [each.state for each in told][-1] == "succeeded"
    assert {each.id for each in told} == {job.id}
    percents = [each.progress.percent or 0 for each in told]
    assert percents == sorted(percents)
    assert len(set(percents)) > 2
    assert all(one != next_ for one, next_ in pairwise(told))
    assert [each.state for each in client.events(job.id)] == ["succeeded"]
