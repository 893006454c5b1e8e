"""What a running job says of itself, as its caller sees it."""

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.staff import Staff


def test_progress_is_told_a_few_times_a_second_and_the_last_report_before_a_silence_arrives(
    desk: Desk, staff: Staff
) -> None:
    staff.start()
    job_id = desk.submit("report", plan={"nap_s": 2})
    last = desk.until(job_id, lambda job: job.message == "step 200")
    assert (last.state, last.progress) == (State.RUNNING, 50)
    seen = [job.message for job in desk.seen(job_id) if job.message]
    assert seen == sorted(set(seen), key=lambda message: int(message.split()[1]))
    # Two hundred reports within a second and something, four of which may go out in each.
    assert 2 <= len(seen) <= 12
    job = desk.ended(job_id)
    assert (job.state, job.progress) == (State.SUCCEEDED, 100)


def test_the_next_attempt_begins_without_the_progress_of_the_last(desk: Desk, staff: Staff) -> None:
    staff.start()
    job_id = desk.submit("report", plan={"nap_s": 60}, timeout_s=2, max_attempts=2)
    desk.until(job_id, lambda job: job.message == "step 200" and job.attempts == 1)
    again = desk.until(job_id, lambda job: job.attempts == 2)
    assert again.progress == 0
    assert again.message in {None, "step 1"}
