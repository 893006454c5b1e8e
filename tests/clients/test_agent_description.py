"""The OpenAPI document that the page of `agent` publishes, held against live answers in every state."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from tests.clients.conftest import Newcomer
from tests.clients.domains import DOMAINS
from tests.clients.people import Person, token
from tests.system.running import Running, until

PUBLISHED = json.loads((Path(__file__).parents[1] / "contracts" / "agent-openapi.json").read_text())
NOBODYS = "01a201da-f176-747a-ae0d-6318d7ea3dd2"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # openapi-core's own

Asked = Callable[..., requests.Response]


@pytest.fixture
def alice(newcomer: Newcomer) -> Person:
    return newcomer()


@pytest.fixture
def ask(service: Running, alice: Person) -> Iterator[Asked]:
    """Reads a job; the answer, and the question where it has a token, are what the document says."""
    document = OpenAPI.from_dict({**PUBLISHED, "servers": [{"url": service.url}]})
    with requests.Session() as session:
        session.trust_env = False

        def read(job_id: str, *, bearer: str | None = alice.token) -> requests.Response:
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            request = requests.Request("GET", f"{service.url}/api/agent/jobs/{job_id}", headers=headers)
            answer = session.send(session.prepare_request(request), timeout=10)
            asked = RequestsOpenAPIRequest(request)
            if bearer:
                document.validate_request(asked)
            document.validate_response(asked, RequestsOpenAPIResponse(answer))
            return answer

        yield read


def seen(ask: Asked, job_id: str, word: str) -> dict[str, object]:
    """The answer once it says this word; all before it were as published."""
    answers: list[dict[str, object]] = []

    def says_it() -> bool:
        answers.append(ask(job_id).json()["data"])
        return answers[-1]["status"] == word

    until(says_it)
    return answers[-1]


def test_pending(ask: Asked, alice: Person) -> None:
    parked = alice.submit("generate_assessment", {"text": "Nobody reads this."}, queue="parked")
    scheduled = alice.submit("generate_assessment", {"text": "Nobody reads this."}, delay=3600)
    assert [seen(ask, each, "pending")["startedAt"] for each in (parked, scheduled)] == [None, None]


def test_processing_and_cancelled(ask: Asked, alice: Person) -> None:
    job_id = alice.submit_nap()
    assert seen(ask, job_id, "processing")["startedAt"] is not None
    assert alice.http.post(f"/jobs/{job_id}/cancel").is_success
    ended = seen(ask, job_id, "failed")
    assert (ended["errorCode"], ended["completedAt"]) == ("cancelled", None)


def test_completed(ask: Asked, alice: Person) -> None:
    audit = DOMAINS["audit_analysis"]
    accepted = alice.http.post(audit.route, json=audit.payload).json()["data"]
    ended = seen(ask, accepted["jobId"], "completed")
    assert ended["projectId"] == accepted["projectId"]
    assert ended["analysisId"] is not None
    assert ended["completedAt"] is not None
    assert (ended["error"], ended["errorCode"]) == (None, None)


def test_failed(ask: Asked, alice: Person) -> None:
    accepted = alice.http.post(DOMAINS["audit_analysis"].route, json={"answers": []}).json()["data"]
    ended = seen(ask, accepted["jobId"], "failed")
    assert (ended["errorCode"], ended["completedAt"]) == ("nothing_to_analyse", None)


@pytest.mark.parametrize(
    "bearer",
    [
        pytest.param(None, id="no token"),
        pytest.param("aky_0123456789", id="somebody else's key"),
        pytest.param(token("alice", lifetime_s=-120), id="an expired token"),
    ],
)
def test_401(ask: Asked, bearer: str | None) -> None:
    answer = ask(NOBODYS, bearer=bearer)
    assert (answer.status_code, list(answer.json())) == (401, ["error"])


def test_404(ask: Asked, newcomer: Newcomer) -> None:
    someone_elses = newcomer().submit("generate_assessment", {"text": "Too short."})
    answers = [ask(NOBODYS), ask(someone_elses)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_429_after_120_polls_in_a_minute(ask: Asked) -> None:
    let_in, answer = 0, ask(NOBODYS)
    while answer.status_code == 404:
        let_in, answer = let_in + 1, ask(NOBODYS)
        # Two come back each second.
        assert let_in < 180
    assert (answer.status_code, let_in >= 120) == (429, True)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
