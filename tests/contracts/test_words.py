"""The word of each page for each state of a job, and what stands beside it."""

from typing import Any

import pytest

from pollable.envelopes.registry import load_envelopes
from pollable.model import State
from tests.contracts.published import check
from tests.contracts.working import ENDED, PAGES, RESULT, STATES, job_in, read, shown
from tests.envelopes.jobs import job as made
from tests.http.calling import ANALYSIS_ID, Deployment

CODE, TEXT, STOPPED = "ran_dry", "The source ran dry.", "The job was cancelled."
SUCCESS = {"result": {"found": [1, None], "analysisId": ANALYSIS_ID}}
WORDS = {
    "plain": ("queued", "scheduled", "scheduled", "started", "finished", "failed", "failed", "failed"),
    "record": ("PENDING", "PENDING", "PENDING", "PROCESSING", "COMPLETED", "FAILED", "FAILED", "FAILED"),
    "minimal": ("running", "running", "running", "running", "succeeded", "failed", "failed", "failed"),
    "managed": ("pending", "pending", "pending", "running", "completed", "failed", "cancelled", "cancelled"),
    "agent": ("pending", "pending", "pending", "processing", "completed", "failed", "failed", "failed"),
}
CASES = [
    pytest.param(page, state, word, id=f"{page}-{state}")
    for page in PAGES
    for state, word in zip(STATES, WORDS[page], strict=True)
]
# What tells how a job failed, and how it was cancelled.
ERRORS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"error": TEXT}, {"error": STOPPED}),
    "record": ({"error": TEXT, "result": None}, {"error": STOPPED, "result": None}),
    "minimal": (
        {"error": {"code": CODE, "message": TEXT}, "result": None},
        {"error": {"code": "cancelled", "message": STOPPED}, "result": None},
    ),
    "managed": ({"result": {"error": {"code": CODE, "message": TEXT}}}, {"result": None}),
    "agent": (
        {"error": TEXT, "errorCode": CODE, "analysisId": None},
        {"error": STOPPED, "errorCode": "cancelled", "analysisId": None},
    ),
}
SUCCESSES: dict[str, dict[str, Any]] = {
    "plain": SUCCESS,
    "record": {**SUCCESS, "error": None},
    "minimal": {**SUCCESS, "error": None},
    "managed": SUCCESS,
    "agent": {"analysisId": ANALYSIS_ID, "error": None, "errorCode": None},
}
# Before the end these are null, or not there at all.
EMPTY = {
    "plain": {"result", "error"},
    "record": {"result", "error", "completedAt"},
    "minimal": {"result", "error"},
    "managed": {"result", "completedAt"},
    "agent": {"analysisId", "error", "errorCode", "completedAt"},
}
HAS_PROGRESS = {"queued": 0, "running": 0, "succeeded": 100}


@pytest.mark.parametrize(("page", "state", "word"), CASES)
def test_a_state_has_its_word(deployment: Deployment, page: str, state: str, word: str) -> None:
    answer = read(deployment, page, job_in(deployment, page, state))
    assert (answer.status_code, shown(answer)["status"]) == (200, word)
    check(page, answer.content)


@pytest.mark.parametrize("page", PAGES)
def test_a_failed_job_says_why(deployment: Deployment, page: str) -> None:
    job = shown(read(deployment, page, job_in(deployment, page, "failed")))
    assert ERRORS[page][0].items() <= job.items()


@pytest.mark.parametrize("state", ["cancelled", "stopped"])
@pytest.mark.parametrize("page", PAGES)
def test_a_cancelled_job_says_so(deployment: Deployment, page: str, state: str) -> None:
    job = shown(read(deployment, page, job_in(deployment, page, state)))
    assert ERRORS[page][1].items() <= job.items()


@pytest.mark.parametrize("rq_status", ["canceled", "stopped"])
def test_a_cancelled_job_of_other_code_has_failed_in_plain(rq_status: str) -> None:
    plain = load_envelopes(["plain"])["plain"]
    body = check("plain", plain.render(made(State.CANCELLED, owner="", rq_status=rq_status)))
    assert body == {"status": "failed", "error": STOPPED}


@pytest.mark.parametrize("page", PAGES)
def test_a_result_stands_beside_the_word_for_success(deployment: Deployment, page: str) -> None:
    answer = read(deployment, page, job_in(deployment, page, "succeeded"))
    assert SUCCESSES[page].items() <= shown(answer).items()
    # As it was stored, to the byte; `agent` shows no more than the id in it.
    assert (RESULT in answer.content) == (page != "agent")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_of_an_ending_is_told_before_it(deployment: Deployment, page: str) -> None:
    for state in STATES:
        if state not in ENDED:
            job = shown(read(deployment, page, job_in(deployment, page, state)))
            assert {job.get(key) for key in EMPTY[page]} == {None}, state
            assert page != "plain" or list(job) == ["status"], state


@pytest.mark.parametrize("state", HAS_PROGRESS)
def test_managed_has_progress_in_every_state(deployment: Deployment, state: str) -> None:
    job = shown(read(deployment, "managed", job_in(deployment, "managed", state)))
    assert job["progress"] == HAS_PROGRESS[state]


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("page", ["record", "managed", "agent"])
def test_completed_at_is_set_as_the_page_has_it(deployment: Deployment, page: str, state: str) -> None:
    job = shown(read(deployment, page, job_in(deployment, page, state)))
    assert (job["completedAt"] is not None) == (page != "agent" or state == "succeeded")


@pytest.mark.parametrize("page", ["record", "agent"])
def test_started_at_is_null_until_a_job_began(deployment: Deployment, page: str) -> None:
    for state, began in {"queued": False, "cancelled": False, "running": True, "failed": True}.items():
        job = shown(read(deployment, page, job_in(deployment, page, state)))
        assert (job["startedAt"] is not None) == began, state


def test_record_counts_the_attempts_that_began(deployment: Deployment) -> None:
    for state, attempts in {"queued": 0, "running": 1, "between attempts": 1, "succeeded": 1}.items():
        assert shown(read(deployment, "record", job_in(deployment, "record", state)))["attempts"] == attempts, state


def test_minimal_moves_updated_at_with_its_word_alone(deployment: Deployment) -> None:
    job_id = job_in(deployment, "minimal", "queued")
    created = shown(read(deployment, "minimal", job_id))["createdAt"]
    deployment.next_second()
    claim = deployment.start(job_id)
    assert shown(read(deployment, "minimal", job_id))["updatedAt"] == created
    deployment.end(claim, RESULT)
    assert shown(read(deployment, "minimal", job_id))["updatedAt"] > created
