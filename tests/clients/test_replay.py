"""What a replay of the guide lets pass where the outcome is a race."""

import json
from pathlib import Path

import pytest

from tests.clients.replay import Replay, Step, sections
from tests.system.running import ROOT

STEPS = [step for _, steps in sections((ROOT / "docs" / "envelopes.md").read_text()) for step in steps]
RACES = [step for step in STEPS if len(step.outcomes) > 1]
RUNNING = json.loads(RACES[0].shown.splitlines()[-1])
ENDED = {
    **RUNNING,
    "status": "cancelled",
    "completedAt": "2026-11-22T06:30:27.001Z",
    "updatedAt": "2026-11-22T06:30:27.001Z",
    "expiresAt": "2026-11-23T06:30:27.001Z",
    "links": {**RUNNING["links"], "cancel": None, "rerun": RUNNING["links"]["self"] + "/rerun"},
}


def replayed(status: str, body: object, directory: Path) -> None:
    """Replays the race with this for an answer."""
    answer = directory / "answer"
    answer.write_text(f"HTTP/1.1 {status}\n\n{json.dumps(body)}")
    Replay("http://127.0.0.1:1").check(Step(f"cat {answer} #/cancel", RACES[0].shown))


def test_one_step_of_the_guide_is_a_race() -> None:
    assert len(RACES) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param("202 Accepted", RUNNING, id="still running"),
        pytest.param("200 OK", ENDED, id="stopped already"),
    ],
)
def test_either_end_of_a_race_passes(status: str, body: object, tmp_path: Path) -> None:
    replayed(status, body, tmp_path)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param("200 OK", RUNNING, id="200 and running"),
        pytest.param("202 Accepted", ENDED, id="202 and cancelled"),
        pytest.param("200 OK", {**ENDED, "status": "succeeded"}, id="succeeded"),
        pytest.param("200 OK", {**ENDED, "links": RUNNING["links"]}, id="links of a running job"),
        pytest.param("200 OK", {**ENDED, "completedAt": None}, id="ended at no time"),
        pytest.param("500 Internal Server Error", RUNNING, id="500"),
        pytest.param("409 Conflict", {"code": "wrong_state"}, id="409"),
        pytest.param("202 Accepted", {}, id="nothing"),
    ],
)
def test_no_other_end_does(status: str, body: object, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        replayed(status, body, tmp_path)


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        pytest.param('{"id":"01a201d1-ec67-75f7-bd3a-39e2459d8b75","status":"queued",…', True, id="as it begins"),
        pytest.param('{"id":"01a201d1-ec67-75f7-bd3a-39e2459d8b75","status":"running",…', False, id="another state"),
        pytest.param('{"id":"01a201d1-ec67-75f7-bd3a-39e2459d8b75","state":…', False, id="another key"),
        pytest.param(
            '{"id":"01a201d1-ec67-75f7-bd3a-39e2459d8b75","status":"queued","and":"more",…', False, id="longer"
        ),
    ],
)
def test_a_body_that_is_cut_is_told_by_its_beginning(shown: str, fits: bool, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text('{"id":"01a20000-0000-7000-8000-000000000001","status":"queued","attempts":0}')
    step = Step(f"cat {tmp_path}/answer", shown)
    if fits:
        Replay("http://127.0.0.1:1").check(step)
    else:
        with pytest.raises(AssertionError):
            Replay("http://127.0.0.1:1").check(step)
