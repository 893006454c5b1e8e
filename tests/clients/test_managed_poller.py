"""The poller that the page of `managed` prints, run as it stands: only address, key and id are filled in."""

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.conftest import Newcomer
from tests.clients.domains import CSV, DOMAINS
from tests.clients.people import TEXT, Person
from tests.system.running import Running, environment

PRINTED = Path(__file__).with_name("managed_poller.txt").read_text()

# What is submitted: a job that ends well, one that is seen running, one that fails, one that is cancelled.
JOBS = {
    "completed": ("document_processing", DOMAINS["document_processing"].payload),
    "slow": ("generate_assessment", {"text": TEXT, "pace_s": 1}),
    "failed": ("export", {"content": CSV, "sourceFormat": "csv", "targetFormat": "jsonl", "columns": ["colour"]}),
    "cancelled": ("generate_assessment", {"text": TEXT, "pace_s": 5}),
}

Poller = subprocess.Popen[str]


def poller(service: Running, person: Person, job_id: str) -> Poller:
    program = PRINTED
    for placeholder, ours in [
        ("https://PLATFORM-URL-PLACEHOLDER", service.url),
        ("your_api_key", str(person.token)),
        ("job_abc123", job_id),
    ]:
        assert program.count(placeholder) == 1
        program = program.replace(placeholder, ours)
    # A proxy that this machine may have does not reach its loopback.
    settings = environment(no_proxy="*")
    return subprocess.Popen([sys.executable, "-c", program], env=settings, stdout=subprocess.PIPE, text=True)


def submitted(person: Person, type_: str, payload: object) -> str:
    answer = person.http.post("/v1/api/jobs", json={"type": type_, "payload": payload})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["id"])


@pytest.fixture(scope="module")
def printed(service: Running, newcomer: Newcomer) -> Mapping[str, list[str]]:
    """The lines that it prints about each job. All run at once: it sleeps for five seconds at a time."""
    person = newcomer()
    ids = {name: submitted(person, *order) for name, order in JOBS.items()}
    pollers = {name: poller(service, person, job_id) for name, job_id in ids.items()}
    assert person.http.post(f"/v1/api/jobs/{ids['cancelled']}/cancel").is_success
    lines = {name: each.communicate(timeout=60)[0].splitlines() for name, each in pollers.items()}
    assert [each.returncode for each in pollers.values()] == [0] * len(pollers)
    return lines


def ending(lines: list[str], word: str) -> object:
    """What the last line says of a job that ended with this word."""
    start = f"Job {word}: "
    assert lines[-1].startswith(start), lines
    return ast.literal_eval(lines[-1].removeprefix(start))


def test_it_returns_the_result_of_a_completed_job(printed: Mapping[str, list[str]]) -> None:
    result = ending(printed["completed"], "completed")
    assert isinstance(result, dict)
    assert (result["documentsProcessed"], result["errors"]) == (1, 1)  # its last row is too short


def test_it_prints_the_progress_of_a_job_until_it_is_completed(printed: Mapping[str, list[str]]) -> None:
    *waiting, _ = printed["slow"]
    assert waiting
    assert [line for line in waiting if not re.fullmatch(r"Job (pending|running): \d{1,3}%", line)] == []
    result = ending(printed["slow"], "completed")
    assert isinstance(result, dict)
    assert len(result["mcqs"]) == 3


def test_it_returns_why_a_job_failed(printed: Mapping[str, list[str]]) -> None:
    error = {"code": "column_unknown", "message": "The table has no column 'colour'."}
    assert ending(printed["failed"], "failed") == {"error": error}


def test_it_returns_once_a_job_is_cancelled(printed: Mapping[str, list[str]]) -> None:
    assert ending(printed["cancelled"], "cancelled") is None
