"""What a job prints is read, into whatever it is printed, and once."""

import pytest

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.staff import Staff
from tests.worker.waiting import until

TALK = "tests.worker.talk"
UNSET = ""
"""As Python prints where nobody asked otherwise, the Dockerfile being one who does."""
WORDS = ["a line\n", "half a line", "to stderr", "kept by a handler"]


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one", "crew"])
@pytest.mark.parametrize(
    ("ending", "state"), [("return", State.SUCCEEDED), ("raise", State.FAILED), ("exit", State.FAILED)]
)
def test_what_a_job_prints_is_read_when_it_has_ended(
    desk: Desk, staff: Staff, ending: str, state: State, arguments: tuple[str, ...]
) -> None:
    """Into a file, which Python buffers by the block as it does a pipe."""
    worker = staff.hire(*arguments, POLLABLE_JOBS=TALK, PYTHONUNBUFFERED=UNSET)
    for times in (1, 2):
        assert desk.ended(desk.submit("talk", plan={"ending": ending})).state is state
        until(lambda: [worker.log.count(word) for word in WORDS] == [times] * 4, within_s=5, what=worker.log)  # noqa: B023 - asked at once
    # What waits to be printed as a process forks is printed by one of both.
    assert worker.log.count("said at import") == 1
    # One of two may have been given both jobs, and let nothing out that waits for a fork.
    assert 1 <= worker.log.count("said by the worker") <= (2 if arguments else 1)


@pytest.mark.parametrize("ending", ["kill", "hang"])
def test_whole_lines_are_read_of_a_job_that_was_killed(desk: Desk, staff: Staff, ending: str) -> None:
    worker = staff.start(POLLABLE_JOBS=TALK, PYTHONUNBUFFERED=UNSET)
    job_id = desk.submit("talk", plan={"ending": ending}, timeout_s=1)
    until(lambda: "a line\n" in worker.log, within_s=10, what=worker.log)
    assert desk.ended(job_id).state is State.FAILED
    if ending == "hang":
        assert worker.log.count("goes on\n") == 1


def test_a_simple_worker_prints_as_it_goes(desk: Desk, staff: Staff) -> None:
    worker = staff.start("--simple", POLLABLE_JOBS=TALK, PYTHONUNBUFFERED=UNSET)
    assert desk.ended(desk.submit("talk")).state is State.SUCCEEDED
    until(lambda: "a line\n" in worker.log, within_s=5, what="the line")


def test_a_job_that_closes_what_it_prints_to_ends_as_others(desk: Desk, staff: Staff) -> None:
    staff.start(POLLABLE_JOBS=TALK, PYTHONUNBUFFERED=UNSET)
    assert desk.ended(desk.submit("talk", plan={"ending": "close"})).state is State.SUCCEEDED
