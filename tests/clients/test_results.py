"""Real jobs of every domain, from the route that submits them to the result that the page shows."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.clients.conftest import Newcomer
from tests.clients.domains import DOMAINS
from tests.clients.people import PROJECT_ID, READS, Person
from tests.contracts.published import check
from tests.examples.loopback import Loopback, links, serving

FINAL = {"finished", "COMPLETED", "succeeded", "completed", "failed", "FAILED", "cancelled"}
SUCCESS = {"finished", "COMPLETED", "succeeded", "completed"}
# How the answer to a submit is published, where it is not as a read is.
ACCEPTED = {"plain": "plain-submitted", "managed": "managed-accepted"}

REFUSED = {"plain": "plain-problem", "managed": "managed-refusal", "agent": "agent-refusal"}


@pytest.fixture
def alice(newcomer: Newcomer) -> Person:
    return newcomer()


def order_of(name: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a submit: `managed` names the type in it."""
    return {"type": name, "payload": payload} if DOMAINS[name].envelope == "managed" else payload


def polled(person: Person, where: str, *, envelope: str) -> Any:
    """The last answer; all before it are as published. Waits as each answer says, as a polite client does."""
    deadline = time.monotonic() + 30
    while True:
        answer = person.http.get(where)
        assert answer.status_code == 200, answer.text
        document = check(envelope, answer.content)
        job = document.get("data", document)
        if job["status"] in FINAL:
            assert "retry-after" not in answer.headers
            return job
        assert time.monotonic() < deadline, document
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        time.sleep(0.1)


@pytest.mark.parametrize("name", DOMAINS)
def test_a_domain_answers_as_its_page_has_it(alice: Person, name: str) -> None:
    domain = DOMAINS[name]
    accepted = alice.http.post(domain.route, json=order_of(name, domain.payload))
    assert accepted.status_code == 202, accepted.text
    check(ACCEPTED.get(domain.envelope, domain.envelope), accepted.content)
    job = polled(alice, accepted.headers["location"], envelope=domain.envelope)
    assert job["status"] in SUCCESS, job

    job_id = accepted.headers["location"].rpartition("=" if domain.envelope == "plain" else "/")[2]
    result = alice.http.get(f"/jobs/{job_id}/result").json()
    Draft202012Validator(domain.result).validate(result)
    if domain.envelope == "agent":
        assert (job["projectId"], job["analysisId"]) == (PROJECT_ID, result["analysisId"])
    else:
        assert job["result"] == result


@pytest.fixture(scope="module")
def described(newcomer: Newcomer) -> dict[str, Any]:
    return {each["name"]: each for each in newcomer().http.get("/job-types").json()["jobTypes"]}


MARKDOWN = "# Prices\n\nSee [the list](https://example.org/list).\n\n| Fruit | Price |\n|---|---|\n| Apple | 1.20 |\n"
PAYLOADS = {
    **{name: domain.payload for name, domain in DOMAINS.items()},
    "PARSE_DOCUMENT": {"content": MARKDOWN, "format": "markdown"},
    "GAP_DETECTION": {"requirements": [{"text": "Prices are listed."}], "documents": [{"text": MARKDOWN}]},
    "RISK_ANALYSIS": {"documents": [{"text": "Prices often fall. The loan is insured."}]},
    "REPORT_GENERATION": {
        "title": "Prices",
        "sections": [{"heading": "Fruit", "table": {"content": "fruit,price\napple,1.20\n", "format": "csv"}}],
        "format": "html",
    },
    # The site stands on whatever port is free.
    "web_crawling": {"url": "SITE"},
    "nap": 0.0,
    "doze": 0.0,
}


@pytest.fixture(scope="module")
def site() -> Iterator[Loopback]:
    with serving({"/": links("/a", "/gone"), "/a": links("/")}) as up:
        yield up


def test_every_type_that_is_registered_is_tried(described: dict[str, Any]) -> None:
    assert set(PAYLOADS) == set(described)


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_and_result_fit_the_schemas_that_the_service_describes(
    alice: Person, described: dict[str, Any], site: Loopback, name: str
) -> None:
    payload = {"url": site.origin} if name == "web_crawling" else PAYLOADS[name]
    Draft202012Validator(described[name]["payloadSchema"]).validate(payload)
    job_id = alice.submit(name, payload)
    job = polled(alice, READS["native"].format(id=job_id), envelope="native")
    assert job["status"] == "succeeded", job
    Draft202012Validator(described[name]["resultSchema"]).validate(job["result"])


@pytest.mark.parametrize("envelope", READS)
def test_one_job_reads_to_its_end_through_every_envelope(alice: Person, envelope: str) -> None:
    job_id = alice.submit("audit_analysis", DOMAINS["audit_analysis"].payload)
    assert polled(alice, READS[envelope].format(id=job_id), envelope=envelope)["status"] in {*SUCCESS, "succeeded"}


@pytest.mark.parametrize("name", DOMAINS)
def test_a_payload_that_does_not_fit_is_refused_in_the_envelopes_words(alice: Person, name: str) -> None:
    domain = DOMAINS[name]
    refused = alice.http.post(domain.route, json=order_of(name, {**domain.payload, "surprise": 1}))
    assert refused.status_code == 422
    assert "surprise" in refused.text
    check(REFUSED.get(domain.envelope, "problem"), refused.content)
