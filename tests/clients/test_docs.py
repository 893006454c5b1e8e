"""docs/envelopes.md shows what a live service answers, and teaches an envelope that works."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pollable import errors
from pollable.cli.embedded import Private
from tests.clients.conftest import Newcomer
from tests.clients.people import READS, TEXT, Person, token
from tests.clients.replay import ID, Replay, sections
from tests.contracts.published import check
from tests.system.running import ROOT, Running, free_port, is_ready, running, until

GUIDE = (ROOT / "docs" / "envelopes.md").read_text()
STEPS = dict(sections(GUIDE))
SHOWN = {
    state: dict(re.findall(r"^(\w+) +(\{.*\})$", text, re.MULTILINE))
    for state, text in re.findall(r"^### (\w+)\n\n```text\n(.*?)```", GUIDE, re.MULTILINE | re.DOTALL)
}
SAMPLE = Path(__file__).parents[1] / "envelopes" / "compact.py"

JOBS_OF_THE_SAMPLE = """
from pollable import job_type

@job_type("double", submit="/double", envelope="compact")
def double(number: int) -> int:
    return 2 * number
"""


@pytest.fixture(scope="module")
def alice(newcomer: Newcomer) -> Person:
    return newcomer()


@pytest.fixture(scope="module")
def jobs(alice: Person) -> Iterator[dict[str, str]]:
    """A job in each state that the guide shows."""
    text = {"text": TEXT, "questions": 1}
    ids = {
        "queued": alice.submit("generate_assessment", text, queue="parked"),
        "scheduled": alice.submit("generate_assessment", text, delay=3600),
        "running": alice.submit("generate_assessment", {**text, "questions": 2, "pace_s": 5}),
        "succeeded": alice.submit("generate_assessment", text),
        "failed": alice.submit("generate_assessment", {"text": "Too short."}),
        "cancelled": alice.submit("generate_assessment", text, delay=3600),
    }
    alice.http.post(f"/jobs/{ids['cancelled']}/cancel")
    until(lambda: alice.read(ids["running"]).json()["progress"]["message"] == "question 1 of 2")
    for state, job_id in ids.items():
        until(lambda job_id=job_id, state=state: alice.state(job_id) == state)  # type: ignore[misc] # until calls it now
    yield ids
    alice.http.post(f"/jobs/{ids['running']}/cancel")


def timeless(text: str) -> Any:
    """The body without what is another in each job: its ids, moments and queue."""
    without = re.sub(r'"\d{4}-\d\d-\d\dT[\d:.]+Z"', '"moment"', ID.sub("id", text))
    return json.loads(re.sub(r'"queue":"[\w-]+"', '"queue":"any"', without))


@pytest.mark.parametrize("envelope", READS)
@pytest.mark.parametrize("state", ["queued", "scheduled", "running", "succeeded", "failed", "cancelled"])
def test_a_state_is_shown_as_it_is_answered(alice: Person, jobs: dict[str, str], state: str, envelope: str) -> None:
    shown = SHOWN[state][envelope]
    check(envelope, shown.encode())
    assert timeless(shown) == timeless(alice.read(jobs[state], envelope=envelope).text)


@pytest.mark.parametrize("title", [title for title in STEPS if STEPS[title]])
def test_the_commands_print_what_is_shown(
    service: Running,
    open_service: Running,
    own_redis: Private,
    curl: str,  # noqa: ARG001 - the commands need it
    tmp_path: Path,
    title: str,
) -> None:
    asked = service if title == "Who is asking" else open_service
    # curl reads ~/.curlrc.
    settings = {"REDIS_URL": own_redis.url, "TOKEN": token("reader"), "HOME": str(tmp_path)}
    replay = Replay(asked.url, **settings)
    for step in STEPS[title]:
        replay.check(step)


def test_every_chapter_with_commands_is_replayed() -> None:
    written = [line for line in GUIDE.splitlines() if line.startswith("$ ")]
    assert len(written) == sum(len(steps) for steps in STEPS.values())
    assert len(written) > 30


def test_every_refusal_is_listed() -> None:
    codes = {each.code for each in vars(errors).values() if isinstance(each, type) and hasattr(each, "code")}
    listed = set(re.findall(r"`(\w+)`", GUIDE.partition("## What is refused")[2]))
    # The first is a fault of ours; the second is an answer to operators.
    assert codes - listed == {"internal_error", "no_worker"}


def test_the_sample_is_the_one_that_is_tested() -> None:
    assert f"```python\n{SAMPLE.read_text()}```" in GUIDE


def test_a_seventh_envelope_serves_from_the_file_that_the_guide_shows(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "myapp").mkdir()
    (tmp_path / "myapp" / "compact.py").write_text(SAMPLE.read_text())
    (tmp_path / "myapp" / "jobs.py").write_text(JOBS_OF_THE_SAMPLE)
    port = free_port()
    settings = {
        "REDIS_URL": redis_url,
        "POLLABLE_ENVELOPES": "plain,myapp.compact",
        "POLLABLE_JOBS": "myapp.jobs",
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
    }
    command = [sys.executable, "-m", "pollable", "dev", "--port", str(port)]
    with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "log", settings=settings) as dev:
        until(lambda: is_ready(dev))
        accepted = dev.http.post("/double", json=21)
        assert (accepted.status_code, accepted.json()) == (202, {"s": "q", "r": None})
        where = accepted.headers["location"]
        assert re.fullmatch(rf"/c/(?:{ID.pattern})", where)
        until(lambda: dev.http.get(where).json() == {"s": "s", "r": 42})
        assert dev.http.get("/c/nothing").status_code == 404
        assert dev.http.get("/jobs").status_code == 404
