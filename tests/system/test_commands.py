"""The commands that ask a running service, or its Redis."""

import json
import subprocess
import sys

import pytest

from tests.system.running import ROOT, Running, environment, free_port

TEXT = "Water is a liquid. Ice is a solid. Steam is a gas. Iron is a metal. Gold is a metal that does not rust."


def pollable(*arguments: str, stdin: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_submit_wait_and_status_follow_one_job(procfile: Running) -> None:
    submitted = pollable("submit", "generate_assessment", json.dumps({"text": TEXT}), "--url", procfile.url)
    assert submitted.returncode == 0, submitted.stderr
    job_id = json.loads(submitted.stdout)["id"]
    waited = pollable("wait", job_id, "--url", procfile.url)
    assert waited.returncode == 0, waited.stderr
    assert json.loads(waited.stdout)["status"] == "succeeded"
    assert json.loads(pollable("status", job_id, "--url", procfile.url).stdout) == json.loads(waited.stdout)


def test_wait_exits_with_1_where_the_job_failed(procfile: Running) -> None:
    job_id = procfile.submit(text="Too short.")
    waited = pollable("wait", job_id, "--url", procfile.url)
    assert waited.returncode == 1
    assert json.loads(waited.stdout)["error"]["code"] == "text_too_short"


def test_a_payload_is_read_from_standard_input(procfile: Running) -> None:
    submitted = pollable("submit", "generate_assessment", "--url", procfile.url, stdin=json.dumps({"text": TEXT}))
    assert submitted.returncode == 0, submitted.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("status", "0"), "job_not_found", id="status of no job"),
        pytest.param(("wait", "0"), "job_not_found", id="wait for no job"),
        pytest.param(("submit", "no_such_type", "{}"), "unknown_job_type", id="unknown type"),
        pytest.param(("submit", "generate_assessment", "{}"), "invalid_payload", id="payload that does not fit"),
    ],
)
def test_a_refusal_goes_to_standard_error(procfile: Running, arguments: tuple[str, ...], said: str) -> None:
    refused = pollable(*arguments, "--url", procfile.url)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert refused.stdout == ""


def test_a_payload_that_is_not_json_is_refused_before_anything_is_sent() -> None:
    refused = pollable("submit", "generate_assessment", "{text")
    assert refused.returncode == 2
    assert "not JSON" in refused.stderr


def test_a_service_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    refused = pollable("status", "0", "--url", url)
    assert refused.returncode == 1
    assert url in refused.stderr


def test_a_token_is_shown_once_listed_without_itself_and_revoked(redis_url: str) -> None:
    made = pollable("tokens", "create", "alice", "--name", "laptop", "--days", "7", REDIS_URL=redis_url)
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("pbl_")
    listed = pollable("tokens", "list", REDIS_URL=redis_url).stdout
    assert "alice" in listed
    assert "laptop" in listed
    assert token not in listed
    revoked = pollable("tokens", "revoke", token, REDIS_URL=redis_url)
    assert revoked.returncode == 0, revoked.stderr
    assert pollable("tokens", "list", REDIS_URL=redis_url).stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("tokens", "revoke", "pbl_unknown"), id="revoke of no token"),
        pytest.param(("tokens", "create", ""), id="no subject"),
        pytest.param(("tokens", "create", "alice", "--days", "0"), id="no lifetime"),
    ],
)
def test_what_tokens_cannot_do_is_said_in_one_line(redis_url: str, arguments: tuple[str, ...]) -> None:
    refused = pollable(*arguments, REDIS_URL=redis_url)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
