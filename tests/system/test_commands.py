"""The commands that ask a running service, or its Redis."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.system.running import ROOT, Running, environment, free_port, listens, running, until

TEXT = "Water is a liquid. Ice is a solid. Steam is a gas. Iron is a metal. Gold is a metal that does not rust."


def pollable(*arguments: str, stdin: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pollable", *arguments],
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


def test_wait_goes_on_while_the_web_process_is_killed_and_replaced(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "PORT": str(port)}
    settings["POLLABLE_JOBS"] = "pollable.examples.assessment"
    web, worker = ([sys.executable, "-m", "pollable", name] for name in ("serve", "worker"))
    with running(web, url=url, log=tmp_path / "log", settings=settings) as service:
        until(lambda: listens(service))
        job_id = service.submit(text=TEXT)
        command = [sys.executable, "-m", "pollable", "wait", job_id, "--url", url]
        waiting = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=-1, stderr=-1, text=True)
        service.process.kill()
        # Whether it has asked before or not.
        assert waiting.stderr is not None
        assert re.search(r"\w[\])]?\. Going on\.$", waiting.stderr.readline())
    with (
        running(worker, url="", log=tmp_path / "worker", settings=settings),
        running(web, url=url, log=tmp_path / "log2", settings=settings),
    ):
        shown, said = waiting.communicate(timeout=40)
    assert waiting.returncode == 0, said
    assert json.loads(shown)["status"] == "succeeded"


def test_the_description_is_printed_without_a_service() -> None:
    described = pollable("openapi", POLLABLE_JOBS="pollable.examples.assessment")
    assert described.returncode == 0, described.stderr
    assert "/generate_assessment" in json.loads(described.stdout)["paths"]


def test_commands_start_without_the_extra_of_the_client() -> None:
    program = "import sys; sys.modules['httpx2'] = None; from pollable.__main__ import commands; commands(['--help'])"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


def made(redis_url: str) -> tuple[str, str]:
    """A new token and its id."""
    answer = pollable("tokens", "create", "alice", "--name", "laptop", "--days", "7", REDIS_URL=redis_url)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("pbl_") == 0
    return answer.stdout.strip(), answer.stderr.split()[1]


def test_a_token_is_shown_once_and_listed_by_its_id(redis_url: str) -> None:
    token, id_ = made(redis_url)
    assert token.startswith("pbl_")
    listed = pollable("tokens", "list", REDIS_URL=redis_url).stdout
    shown = r"[0-9a-f]{12}  until \d{4}-\d\d-\d\d  never used  alice  jobs:read jobs:write  laptop\n"
    assert re.fullmatch(shown, listed)
    assert listed.startswith(id_)
    assert token not in listed
    (line,) = pollable("tokens", "list", "--json", REDIS_URL=redis_url).stdout.splitlines()
    assert json.loads(line)["id"] == id_
    assert token not in line


def test_the_list_has_the_day_of_the_last_use(redis_url: str) -> None:
    _, id_ = made(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.hset(*client.keys("rq:pollable:token:*"), "used_on", 20_783)
    assert f"{id_}  until" in (listed := pollable("tokens", "list", REDIS_URL=redis_url).stdout)
    assert "  used 2026-11-26  alice" in listed


@pytest.mark.parametrize("given", ["id as an argument", "id on stdin", "token on stdin"])
def test_a_token_is_revoked_by(redis_url: str, given: str) -> None:
    token, id_ = made(redis_url)
    _, other = made(redis_url)
    arguments = [id_] if given == "id as an argument" else []
    stdin = f"{token if given == 'token on stdin' else id_}\n"
    revoked = pollable("tokens", "revoke", *arguments, stdin=stdin, REDIS_URL=redis_url)
    assert (revoked.returncode, revoked.stdout) == (0, f"Revoked token {id_} of alice.\n"), revoked.stderr
    assert pollable("tokens", "list", REDIS_URL=redis_url).stdout.split()[0] == other


@pytest.mark.parametrize("shape", ["{}", "{}x", "pbl_"], ids=["whole", "too long", "begun"])
def test_a_token_is_not_taken_as_an_argument_nor_repeated(redis_url: str, shape: str) -> None:
    token, _ = made(redis_url)
    refused = pollable("tokens", "revoke", shape.format(token), REDIS_URL=redis_url)
    assert refused.returncode == 2
    assert "standard input" in refused.stderr
    assert token.removeprefix("pbl_") not in refused.stderr + refused.stdout
    assert len(pollable("tokens", "list", REDIS_URL=redis_url).stdout.splitlines()) == 1


@pytest.mark.parametrize("stdin", ["", "\n", "pbl_unknown\n", "two words\n", "0123456789ab\n"], ids=repr)
def test_what_stdin_names_nothing_of_is_said(redis_url: str, stdin: str) -> None:
    refused = pollable("tokens", "revoke", stdin=stdin, REDIS_URL=redis_url)
    assert (refused.returncode, refused.stderr) == (1, "Error: There is no such token.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("tokens", "revoke", "0123456789ab"), id="revoke of no token"),
        pytest.param(("tokens", "create", ""), id="no subject"),
        pytest.param(("tokens", "create", "alice", "--days", "0"), id="no lifetime"),
    ],
)
def test_what_tokens_cannot_do_is_said_in_one_line(redis_url: str, arguments: tuple[str, ...]) -> None:
    refused = pollable(*arguments, REDIS_URL=redis_url)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
