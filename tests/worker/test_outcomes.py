"""Results that are no JSON, and jobs that end in every way but by returning."""

from datetime import datetime

import msgspec
import pytest

from pollable.model import State
from tests.worker.desk import OWNER, Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff

RESULTS = {
    "set": "result_unserializable",
    "nan": "result_unserializable",
    "infinity": "result_unserializable",
    "deep": "result_unserializable",
    "surrogate": "result_unserializable",
    "object": "result_unserializable",
    "bytes": "result_unserializable",
    "tuple_keys": "result_unserializable",
    "generator": "result_unserializable",
    "huge_integer": "result_unserializable",
    "itself": "result_unserializable",
    "large": "result_too_large",
}

ENDS = {
    "exit_0": "killed",
    "exit_3": "killed",
    "killed": "killed",
    "sys_exit": "exception",
    "interrupt": "exception",
    "memory": "out_of_memory",
    "surrogate": "exception",
    "unspeakable": "exception",
    "coded": "too_blue",
}


def test_a_result_that_is_no_json_or_too_large_fails_the_job_with_a_code(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    staff.start()
    jobs = {what: desk.submit("return_badly", plan={"what": what}, max_attempts=3) for what in RESULTS}
    ended = {what: desk.ended(job_id) for what, job_id in jobs.items()}
    assert {what: job.error.code for what, job in ended.items() if job.error} == RESULTS
    assert {job.state for job in ended.values()} == {State.FAILED}
    # Trying again would bring the same result.
    assert {journal.executions(job_id) for job_id in jobs.values()} == {1}


@pytest.mark.parametrize("what", ENDS)
def test_a_job_that_ends_without_returning_fails_with_a_code(
    desk: Desk, staff: Staff, journal: Journal, what: str
) -> None:
    worker = staff.start()
    job_id = desk.submit("end_badly", plan={"what": what})
    job = desk.ended(job_id, within_s=15)
    assert job.error is not None
    assert (job.state, job.error.code, journal.executions(job_id)) == (State.FAILED, ENDS[what], 1)
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    assert worker.exit_code is None


def test_a_message_of_the_job_is_told_whole(desk: Desk, staff: Staff) -> None:
    staff.start()
    job = desk.ended(desk.submit("end_badly", plan={"what": "coded"}))
    assert job.error is not None
    assert job.error.message == "The sky was too blue.\n\n" * 80


def test_a_program_that_a_job_starts_is_ended_by_sigterm_as_usual(desk: Desk, staff: Staff) -> None:
    staff.start()
    assert desk.ended(desk.submit("start_program", plan={"nap_s": 60})).result == b"-15"


@pytest.mark.parametrize("arguments", [(), ("--simple",)], ids=["forking", "simple"])
def test_a_job_knows_itself_from_a_thread_of_its_own(desk: Desk, staff: Staff, arguments: tuple[str, ...]) -> None:
    staff.start(*arguments)
    job_id = desk.submit("look_around", plan={"nap_s": 1}, max_attempts=3, timeout_s=60)
    desk.until(job_id, lambda job: (job.progress, job.message) == (40, "from a thread"), within_s=10)
    job = desk.ended(job_id)
    assert job.result is not None
    seen = msgspec.json.decode(job.result)
    assert (seen["id"], seen["type"], seen["owner"]) == (job_id, "look_around", OWNER)
    assert (seen["attempt"], seen["max_attempts"], seen["context"]) == (1, 3, {})
    assert job.started_at is not None
    deadline = datetime.fromisoformat(seen["deadline"]).timestamp()
    assert deadline - job.started_at / 1000 == pytest.approx(60, abs=5)


def test_a_result_that_its_annotation_does_not_promise_fails_the_job_once(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    staff.start()
    job_id = desk.submit("misfit", max_attempts=3)
    job = desk.ended(job_id)
    assert job.error is not None
    assert (job.state, job.error.code, job.attempts) == (State.FAILED, "result_invalid", 1)
    assert "Expected `int`, got `str`" in job.error.message
    assert journal.executions(job_id) == 1
