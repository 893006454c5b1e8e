"""The commands that the pages print, run by a shell as they stand: only host, token and id are filled in."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Newcomer
from tests.clients.domains import DOMAINS
from tests.clients.people import TEXT, Person
from tests.contracts.published import check
from tests.system.running import Running, environment, until

PLAIN = 'curl -X GET "http://localhost:8000/job_status?job_id=abc123-def456-ghi789"'
PLAIN_WITHOUT_ID = """curl --request GET \\
  --url https://api.example.com/job_status"""
RECORD = """curl -X GET https://api.example.com/api/jobs/550e8400-e29b-41d4-a716-446655440000 \\
-H "Authorization: Bearer YOUR_JWT_TOKEN\""""
MANAGED = """curl "https://PLATFORM-URL-PLACEHOLDER/v1/api/jobs/{jobId}" \\
  -H "Authorization: Bearer YOUR_API_KEY\""""
MANAGED_RERUN = """curl -X POST "https://PLATFORM-URL-PLACEHOLDER/v1/api/jobs/{jobId}/rerun" \\
  -H "Authorization: Bearer YOUR_API_KEY\""""

HOST = re.compile(r"https?://[\w.:-]+")
TOKEN = re.compile(r"YOUR_\w+")
ID = re.compile(r"abc123-def456-ghi789|550e8400-e29b-41d4-a716-446655440000|\{jobId\}")


class Shell:
    """A person at a terminal."""

    def __init__(self, url: str, token: str | None, home: Path) -> None:
        self._url = url
        self._token = token or ""
        # curl reads ~/.curlrc; a proxy that this machine may have does not reach its loopback.
        self._environment = environment(HOME=str(home), no_proxy="*")

    def run(self, command: str, job_id: str = "") -> bytes:
        filled = ID.sub(job_id, TOKEN.sub(self._token, HOST.sub(self._url, command)))
        ended = subprocess.run(["sh", "-c", filled], env=self._environment, capture_output=True, timeout=30)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout

    def follow(self, command: str, job_id: str, *, envelope: str, words: set[str]) -> Any:
        """The answer once it says one of these words; every answer before is as published, too."""
        answers: list[Any] = []

        def has_ended() -> bool:
            answers.append(check(envelope, self.run(command, job_id)))
            return answers[-1].get("data", answers[-1])["status"] in words

        until(has_ended)
        return answers[-1]


@pytest.fixture
def alice(newcomer: Newcomer) -> Person:
    return newcomer()


@pytest.fixture
def shell(service: Running, alice: Person, curl: str, tmp_path: Path) -> Shell:  # noqa: ARG001 - a shell without curl is of no use
    return Shell(service.url, alice.token, tmp_path)


@pytest.fixture
def visitor(open_service: Running) -> Iterator[Person]:
    """Nobody in particular: the commands on the page of `plain` bring no token."""
    person = Person(open_service.url, None)
    yield person
    person.http.close()


@pytest.fixture
def open_shell(open_service: Running, curl: str, tmp_path: Path) -> Shell:  # noqa: ARG001 - as above
    return Shell(open_service.url, None, tmp_path)


def test_plain_from_started_to_finished(visitor: Person, open_shell: Shell) -> None:
    submitted = visitor.http.post("/generate_assessment", json={"text": TEXT, "pace_s": 0.5})
    job_id = submitted.json()["job_id"]
    assert open_shell.follow(PLAIN, job_id, envelope="plain", words={"started"}) == {"status": "started"}
    ended = open_shell.follow(PLAIN, job_id, envelope="plain", words={"finished", "failed"})
    assert list(ended) == ["status", "result"]
    assert len(ended["result"]["mcqs"]) == 3


def test_plain_of_a_job_that_failed(visitor: Person, open_shell: Shell) -> None:
    job_id = visitor.http.post("/generate_assessment", json={"text": "Too short."}).json()["job_id"]
    ended = open_shell.follow(PLAIN, job_id, envelope="plain", words={"finished", "failed"})
    assert list(ended) == ["status", "error"]
    assert "too few sentences" in ended["error"]


def test_plain_of_no_job(open_shell: Shell) -> None:
    assert open_shell.run(PLAIN, "abc123-def456-ghi789") == b'{"status":null}'


def test_plain_without_the_id_that_the_page_requires(open_shell: Shell) -> None:
    assert json.loads(open_shell.run(PLAIN_WITHOUT_ID))["code"] == "invalid_parameter"


def test_record_from_processing_to_completed(alice: Person, shell: Shell) -> None:
    job_id = alice.submit("generate_assessment", {"text": TEXT, "pace_s": 0.5})
    running = shell.follow(RECORD, job_id, envelope="record", words={"PROCESSING"})
    assert (running["result"], running["completedAt"], running["attempts"]) == (None, None, 1)
    ended = shell.follow(RECORD, job_id, envelope="record", words={"COMPLETED", "FAILED"})
    assert ended["status"] == "COMPLETED"
    assert ended["createdAt"] <= ended["startedAt"] <= ended["completedAt"] == ended["updatedAt"]


def test_record_of_the_type_that_the_page_shows(alice: Person, shell: Shell) -> None:
    preview = DOMAINS["AI_PREVIEW"]
    job_id = alice.http.post(preview.route, json=preview.payload).json()["id"]
    ended = shell.follow(RECORD, job_id, envelope="record", words={"COMPLETED", "FAILED"})
    assert (ended["type"], ended["status"], list(ended["result"])) == ("AI_PREVIEW", "COMPLETED", ["output"])


def test_record_of_a_job_that_failed(alice: Person, shell: Shell) -> None:
    job_id = alice.submit("generate_assessment", {"text": "Too short."})
    ended = shell.follow(RECORD, job_id, envelope="record", words={"COMPLETED", "FAILED"})
    assert (ended["status"], ended["result"]) == ("FAILED", None)
    assert "too few sentences" in ended["error"]
    assert ended["completedAt"] is not None


@pytest.mark.parametrize(("command", "schema"), [(RECORD, "problem"), (MANAGED, "managed-refusal")])
def test_no_job_and_no_token_are_refused_as_published(
    service: Running, shell: Shell, tmp_path: Path, command: str, schema: str
) -> None:
    check(schema, shell.run(command, "550e8400-e29b-41d4-a716-446655440000"))
    check(schema, Shell(service.url, "no-token", tmp_path).run(command, "550e8400-e29b-41d4-a716-446655440000"))


def test_managed_is_polled_and_rerun(alice: Person, shell: Shell) -> None:
    domain = DOMAINS["document_processing"]
    order = {"type": "document_processing", "payload": domain.payload}
    job_id = alice.http.post(domain.route, json=order).json()["data"]["id"]
    first = shell.follow(MANAGED, job_id, envelope="managed", words={"completed", "failed"})["data"]
    assert (first["status"], first["progress"], first["result"]["documentsProcessed"]) == ("completed", 100, 1)

    accepted = check("managed-accepted", shell.run(MANAGED_RERUN, job_id))["data"]
    assert list(accepted) == ["id", "type", "status", "originalJobId", "createdAt"]
    assert (accepted["status"], accepted["originalJobId"]) == ("pending", job_id)
    again = shell.follow(MANAGED, accepted["id"], envelope="managed", words={"completed", "failed"})["data"]
    assert again["originalJobId"] == job_id
    assert again["result"] == first["result"]
    assert shell.follow(MANAGED, job_id, envelope="managed", words={"completed"})["data"] == first


def test_a_personal_access_token_serves_as_the_key(
    own_token: str, service: Running, shell: Shell, tmp_path: Path
) -> None:
    person = Person(service.url, own_token)
    job_id = person.submit("generate_assessment", {"text": "Too short."})
    person.http.close()
    mine = Shell(service.url, own_token, tmp_path)
    mine.follow(MANAGED, job_id, envelope="managed", words={"failed"})
    check("managed-refusal", shell.run(MANAGED, job_id))
