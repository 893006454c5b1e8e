"""The commands that ask a service, through what goes wrong between them and it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pollable.cli.commands import commands
from tests.clients.ours.between import Between, answers, cuts, drops, loses
from tests.clients.people import TEXT, token
from tests.system.running import ROOT, Running, environment, free_port

TYPE = "generate_assessment"
PAYLOAD = json.dumps({"text": TEXT, "questions": 1})


class Shell:
    """One caller at one address."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.token = secret

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        others = dict.fromkeys(name for name in os.environ if name.startswith("POLLABLE_"))
        settings = {**others, "POLLABLE_URL": self.url, "POLLABLE_TOKEN": self.token}
        ended = CliRunner().invoke(commands, list(arguments), input=stdin, env=settings)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exc_info
        assert self.token not in ended.output
        return ended

    def submit(self, *options: str, payload: str = PAYLOAD) -> str:
        submitted = self("submit", TYPE, payload, *options)
        assert submitted.exit_code == 0, submitted.stderr
        return str(json.loads(submitted.stdout)["id"])


@pytest.fixture
def pollable(way: Between, request: pytest.FixtureRequest) -> Shell:
    return Shell(way.url, token(f"shell of {request.node.name}"))


def test_submit_wait_status_and_result_follow_one_job(pollable: Shell) -> None:
    job_id = pollable.submit("--label", "month=2026-11")
    waited = pollable("wait", job_id)
    assert waited.exit_code == 0, waited.stderr
    assert len(waited.stderr.splitlines()) == 1
    job = json.loads(waited.stdout)
    assert (job["status"], job["labels"]) == ("succeeded", {"month": "2026-11"})
    assert json.loads(pollable("status", job_id).stdout) == job
    assert json.loads(pollable("result", job_id, "--json").stdout) == job["result"]


def test_submit_waits_on_request_and_exits_with_1_for_a_failure(pollable: Shell) -> None:
    ended = pollable("submit", TYPE, '{"text": "Too short."}', "--wait", "--json")
    assert ended.exit_code == 1
    assert json.loads(ended.stdout)["error"]["code"] == "text_too_short"
    assert len(ended.stdout.splitlines()) == len(ended.stderr.splitlines()) == 1
    assert "text_too_short" in ended.stderr


@pytest.mark.parametrize("given", ["-", "@file"])
def test_a_payload_comes_from(pollable: Shell, tmp_path: Path, given: str) -> None:
    (tmp_path / "payload").write_text(PAYLOAD)
    payload = f"@{tmp_path}/payload" if given == "@file" else given
    assert pollable("submit", TYPE, payload, stdin=PAYLOAD).exit_code == 0


def test_a_job_is_cancelled_rerun_and_deleted(pollable: Shell) -> None:
    job_id = pollable.submit("--delay", "60")
    assert json.loads(pollable("cancel", job_id).stdout)["status"] == "cancelled"
    assert pollable("wait", job_id).exit_code == 1
    again = pollable("rerun", job_id, "--wait")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["originalJobId"] == job_id
    assert pollable("delete", job_id).stdout == f"Deleted {job_id}.\n"
    assert pollable("status", job_id).exit_code == 1


def test_a_list_asks_for_no_more_than_its_limit(pollable: Shell, way: Between) -> None:
    made = [pollable.submit("--delay", "60", "--label", f"number={number}") for number in range(3)]
    rows = pollable("list", "--status", "scheduled", "--limit", "2").stdout.splitlines()
    assert rows[0].split()[:2] == ["ID", "TYPE"]
    assert [row.split()[0] for row in rows[1:]] == made[:0:-1]
    assert len(way.took("GET /jobs\\?")) == 1
    lines = pollable("list", "--label", "number=0", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == made[:1]


def test_types_and_the_description_are_fetched(pollable: Shell) -> None:
    assert any(row.startswith(f"{TYPE} ") for row in pollable("types").stdout.splitlines())
    assert {each["name"] for each in json.loads(pollable("types", "--json").stdout)["jobTypes"]} >= {TYPE}
    assert json.loads(pollable("openapi", "--url", pollable.url).stdout)["openapi"] == "3.1.0"


def test_wait_goes_on_through_what_passes_and_says_once_that_the_service_is_away(pollable: Shell, way: Between) -> None:
    job_id = pollable.submit()
    away = [answers(status, retry_after="0") for status in (502, 503, 429)]
    way.fail(drops, *away, cuts, at=f"GET .*{job_id}")
    waited = pollable("wait", job_id)
    assert waited.exit_code == 0, waited.stderr
    assert json.loads(waited.stdout)["status"] == "succeeded"
    assert waited.stderr.count("Going on.") == 1


def test_a_submit_whose_answer_was_lost_makes_one_job(pollable: Shell, way: Between) -> None:
    way.fail(loses, at="POST /jobs")
    job_id = pollable.submit()
    assert [json.loads(line)["id"] for line in pollable("list", "--json").stdout.splitlines()] == [job_id]


def test_wait_ends_with_4_when_its_time_is_over(pollable: Shell) -> None:
    job_id = pollable.submit("--delay", "60")
    waited = pollable("wait", job_id, "--timeout", "0.2")
    assert (waited.exit_code, waited.stdout) == (4, "")
    assert job_id in waited.stderr


def test_a_redirect_is_not_followed_with_the_token(pollable: Shell, way: Between, service: Running) -> None:
    way.fail(answers(307, location=f"{service.url}/jobs/0"), at="GET")
    led = pollable("status", "0")
    assert led.exit_code == 5
    assert f"{service.url}/jobs/0" in led.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("status", "0"), 1, "job_not_found", id="status of no job"),
        pytest.param(("wait", "0"), 1, "job_not_found", id="wait for no job"),
        pytest.param(("result", "0"), 1, "job_not_found", id="result of no job"),
        pytest.param(("delete", "0"), 1, "job_not_found", id="delete of no job"),
        pytest.param(("submit", "no_such_type", "{}"), 1, "unknown_job_type", id="unknown type"),
        pytest.param(("submit", TYPE, "{}"), 1, "invalid_payload", id="payload that does not fit"),
        pytest.param(("submit", TYPE, "{text"), 2, "not JSON", id="payload that is no JSON"),
        pytest.param(("submit", TYPE, "@/no/file"), 2, "/no/file", id="payload of no file"),
        pytest.param(("submit", TYPE, "{}", "--label", "x"), 2, "NAME=VALUE", id="label without a value"),
        pytest.param(("submit", TYPE, "{}", "--run-at", "2026-12-24T18:00"), 2, "zone", id="time without a zone"),
        pytest.param(("submit", TYPE, "{}", "--idempotency-key", "é"), 2, "idempotency key", id="key that is none"),
        pytest.param(("submit", TYPE, "{}", "--timeout", "1"), 2, "--wait", id="timeout of nothing"),
        pytest.param(("status", ".."), 2, "no job's id", id="id that is a path"),
        pytest.param(("status", "0", "--url", "ftp://x"), 2, "no address", id="address of another kind"),
        pytest.param(("status", "0", "--url", "http://me:secret@x"), 2, "give a token", id="password in the address"),
        pytest.param(("status", "0", "--token", "two words"), 2, "token", id="token that is none"),
        pytest.param(("status", "0", "--token", "other"), 1, "Error: ", id="token of nobody"),
    ],
)
def test_what_cannot_be_done_is_said_on_stderr(
    pollable: Shell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    refused = pollable(*arguments)
    assert (refused.exit_code, refused.stdout) == (code, ""), refused.stderr
    assert said in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("Error: ")
    assert "secret" not in refused.stderr


def test_a_service_that_is_not_there_is_named(pollable: Shell) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    refused = pollable("status", "0", "--url", url)
    assert refused.exit_code == 5
    assert url in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_terminal_sees_the_progress_of_what_is_waited_for(pollable: Shell) -> None:
    job_id = pollable.submit("--delay", "60")
    leader, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stderr:
        waiting = subprocess.run(
            [sys.executable, "-m", "pollable", "wait", job_id, "--timeout", "1"],
            env=environment(POLLABLE_URL=pollable.url, POLLABLE_TOKEN=pollable.token),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=30,
        )
        drawn = os.read(leader, 65_536).decode()
    os.close(leader)
    assert (waiting.returncode, waiting.stdout) == (4, b""), drawn
    assert f"{job_id}  [{'.' * 20}]   0 %  scheduled" in drawn
    assert drawn.splitlines()[-1].removeprefix("\x1b[K").startswith("Error: ")
