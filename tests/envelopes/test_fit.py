"""Any job in any state, in every envelope, is what the envelope's published schema says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollable.envelopes.envelope import Envelope
from pollable.envelopes.registry import load_envelopes
from pollable.errors import JobExpired, JobNotFound, QuotaExceeded, ServiceError, Unauthenticated
from pollable.model import Job
from pollable.settings import ENVELOPES
from tests.contracts.published import check
from tests.envelopes.jobs import PROJECT_ID, jobs

ON = load_envelopes(ENVELOPES)
REFUSAL = {"plain": "plain-problem", "managed": "managed-refusal", "agent": "agent-refusal"}
SUBMITTED = {"plain": "plain-submitted", "managed": "managed-accepted"}

envelopes = st.sampled_from([ON[name] for name in ENVELOPES if name != "agent"])


@given(envelopes, jobs())
def test_a_read_fits(envelope: Envelope, job: Job) -> None:
    check(envelope.name, envelope.render(job))


@given(envelopes, jobs(owner=""))
def test_an_id_of_other_code_is_printed_as_rq_has_it(envelope: Envelope, job: Job) -> None:
    # The other pages publish what ids of ours look like.
    body = json.loads(envelope.render(job)) if envelope.name != "native" else check("native", envelope.render(job))
    assert body.get("data", body).get("id", job.id) == job.id


@given(envelopes, jobs())
def test_the_answer_to_a_submit_fits(envelope: Envelope, job: Job) -> None:
    check(SUBMITTED.get(envelope.name, envelope.name), envelope.submitted(job))


@given(jobs())
def test_agent_shows_a_job_with_a_project_only(job: Job) -> None:
    context = json.loads(job.context)
    if context.get("projectId") == PROJECT_ID:
        assert check("agent", ON["agent"].render(job))["data"]["projectId"] == PROJECT_ID
    else:
        with pytest.raises(JobNotFound):
            ON["agent"].render(job)


@given(jobs())
def test_a_rerun_names_its_original(job: Job) -> None:
    data = check("managed-accepted", ON["managed"].rerun(job))["data"]
    assert ("originalJobId" in data) == (job.original_id is not None)


@given(st.lists(jobs() | jobs(owner=""), max_size=3))
def test_a_list_has_no_results(listed: list[Job]) -> None:
    page = json.loads(ON["native"].page(listed, None))
    assert [job["id"] for job in page["jobs"]] == [job.id for job in listed]
    assert all("result" not in job for job in page["jobs"])


@given(jobs())
def test_a_read_of_many_has_null_for_what_is_not_there(job: Job) -> None:
    many = json.loads(ON["native"].many([job, None]))
    assert many == {"jobs": [json.loads(ON["native"].render(job)), None]}


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize("error", [QuotaExceeded, Unauthenticated, ServiceError])
def test_a_refusal_fits(name: str, error: type[ServiceError]) -> None:
    answer = ON[name].refusal(error("No."))
    check(REFUSAL.get(name, "problem"), answer.body)
    assert answer.status == error.status


@pytest.mark.parametrize("name", [name for name in ENVELOPES if name != "native"])
def test_expired_and_never_known_are_the_same_answer(name: str) -> None:
    assert ON[name].refusal(JobExpired("Gone.")) == ON[name].refusal(JobNotFound("None."))


def test_native_tells_the_owner_of_an_expired_job() -> None:
    answer = ON["native"].refusal(JobExpired("Gone."))
    assert answer.status == 410
    assert check("problem", answer.body)["code"] == "job_expired"
