"""Somebody else's job is no job, on a real server: to a stranger every answer is that about an id that never was."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec
import pytest

from tests.clients.conftest import Newcomer
from tests.clients.domains import DOMAINS
from tests.clients.people import READS, TEXT, Person, token
from tests.contracts.published import check
from tests.system.running import Running, until

STATES = ("queued", "scheduled", "running", "succeeded", "failed", "cancelled")
NEVER_WAS = ("01a201da-f176-747a-ae0d-6318d7ea3dd2", "job_01M80XNWBPEHXAW3B333BYMFEJ", "abc", "a:b", "%00", "a" * 5000)

# Every route that names a job and is no plain read.
OTHERS = (
    ("POST", "/jobs/{id}/cancel"),
    ("POST", "/jobs/{id}/rerun"),
    ("DELETE", "/jobs/{id}"),
    ("GET", "/jobs/{id}/result"),
    ("GET", "/jobs?id={id}"),
    ("POST", "/v1/api/jobs/{id}/cancel"),
    ("POST", "/v1/api/jobs/{id}/rerun"),
)
ROUTES = (*(("GET", path) for path in READS.values()), *OTHERS)


class Owned(msgspec.Struct, frozen=True):
    """A job in each state, and whose they are."""

    owner: Person
    jobs: Mapping[str, str]


@pytest.fixture(scope="module")
def owned(newcomer: Newcomer) -> Iterator[Owned]:
    owner = newcomer()
    audit, text = DOMAINS["audit_analysis"].payload, {"text": TEXT}
    jobs = {
        "queued": owner.submit("generate_assessment", text, queue="parked"),
        "scheduled": owner.submit("generate_assessment", text, delay=3600),
        "running": owner.submit_nap(),
        "succeeded": owner.submit("audit_analysis", audit),
        "failed": owner.submit("audit_analysis", {}),
        "cancelled": owner.submit("generate_assessment", text, delay=3600),
    }
    owner.http.post(f"/jobs/{jobs['cancelled']}/cancel")
    for state, job_id in jobs.items():
        until(lambda job_id=job_id, state=state: owner.state(job_id) == state)  # type: ignore[misc] # until calls it now
    yield Owned(owner, jobs)
    owner.http.post(f"/jobs/{jobs['running']}/cancel")


@pytest.fixture(scope="module")
def strangers(service: Running, newcomer: Newcomer) -> Iterator[Mapping[str, Person]]:
    """Callers who are not the owner; the last two are nobody."""
    nobodies = {
        "no token": Person(service.url, None),
        "expired token": Person(service.url, token("owner", lifetime_s=-120)),
    }
    yield {"stranger": newcomer(), **nobodies}
    for nobody in nobodies.values():
        nobody.http.close()


def shown(answer: httpx.Response) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """All that a caller can tell answers apart by: the headers in their order and spelling, but what always differs."""
    # The time until a delayed job is due runs on.
    differing = (b"date", b"x-request-id", b"retry-after", b"ratelimit")
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in differing]
    return answer.status_code, answer.content, headers


def asked(person: Person, method: str, path: str, job_id: str) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    return shown(person.http.request(method, path.format(id=job_id)))


@pytest.mark.parametrize("caller", ["stranger", "no token", "expired token"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_job_of_any_state_is_none(
    owned: Owned, strangers: Mapping[str, Person], method: str, path: str, caller: str
) -> None:
    person = strangers[caller]
    expected = asked(person, method, path, NEVER_WAS[0])
    for state in STATES:
        assert asked(person, method, path, owned.jobs[state]) == expected, state
    for never_was in NEVER_WAS:
        assert asked(person, method, path, never_was) == expected, never_was


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("envelope", READS)
def test_its_owner_reads_it(owned: Owned, envelope: str, state: str) -> None:
    answer = owned.owner.read(owned.jobs[state], envelope=envelope)
    assert answer.status_code == 200
    assert answer.json() != {"status": None}
    check(envelope, answer.content)


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_nothing_that_strangers_try_changes_the_job(
    owned: Owned, strangers: Mapping[str, Person], method: str, path: str
) -> None:
    before = {state: shown(owned.owner.read(job_id)) for state, job_id in owned.jobs.items()}
    for person in strangers.values():
        for job_id in owned.jobs.values():
            asked(person, method, path, job_id)
    assert {state: shown(owned.owner.read(job_id)) for state, job_id in owned.jobs.items()} == before


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_who_shows_no_valid_token_is_told_so(strangers: Mapping[str, Person], method: str, path: str) -> None:
    def challenge(caller: str) -> Any:
        answer = strangers[caller].http.request(method, path.format(id=NEVER_WAS[0]))
        return answer.status_code, answer.headers["www-authenticate"]

    assert challenge("no token") == (401, "Bearer")
    status, words = challenge("expired token")
    assert status == 401
    assert words.startswith('Bearer error="invalid_token"')


def test_a_job_that_was_deleted_is_told_from_none_by_its_owner_alone(owned: Owned, newcomer: Newcomer) -> None:
    stranger = newcomer()
    job_id = owned.owner.submit("generate_assessment", {"text": TEXT}, delay=3600)
    owned.owner.http.post(f"/jobs/{job_id}/cancel")
    assert owned.owner.http.delete(f"/jobs/{job_id}").status_code == 204
    assert owned.owner.read(job_id).status_code == 410
    for method, path in ROUTES:
        assert asked(stranger, method, path, job_id) == asked(stranger, method, path, NEVER_WAS[0])


def test_an_idempotency_key_does_not_lead_to_somebody_elses_job(owned: Owned, newcomer: Newcomer) -> None:
    def submit(person: Person) -> httpx.Response:
        order = {"type": "generate_assessment", "payload": {"text": TEXT}, "delay": 3600}
        return person.http.post("/jobs", json=order, headers={"Idempotency-Key": '"mine"'})

    mine, theirs = submit(owned.owner).json()["id"], submit(newcomer()).json()["id"]
    assert mine != theirs
    assert submit(owned.owner).json()["id"] == mine
