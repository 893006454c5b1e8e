"""`client.js` as it is served, under node: what it does when all is well and when not."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.clients.ours.between import (
    Between,
    answers,
    between,
    cuts,
    drops,
    hurries,
    loses,
    streams,
    takes,
)
from tests.clients.ours.test_patience import PASSING, away
from tests.clients.ours.test_waiting import SLOW
from tests.clients.people import TEXT, token
from tests.system.running import Running, environment, free_port, until

PROGRAM = """
import { Client, Job, PollableError } from "./client.mjs";
const [url, token, TEXT] = process.argv.slice(-3);
const client = new Client(url, token);
const all = async (told) => { const list = []; for await (const each of told) list.push(each); return list; };
const told = {};
try {
  told.value = await (async () => { SCRIPT })();
} catch (error) {
  told.error = { ...error, message: error.message, isOurs: error instanceof PollableError };
}
console.log(JSON.stringify(told));
"""

Does = Callable[..., Any]


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("The client in JavaScript needs node.")
    return found


@pytest.fixture(scope="module")
def directory(service: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module is, as node takes it."""
    made = tmp_path_factory.mktemp("node")
    (made / "client.mjs").write_bytes(service.http.get("/client.js").content)
    return made


@pytest.fixture
def way(service: Running) -> Iterator[Between]:
    with between(service.url) as server:
        yield server


@pytest.fixture
def does(node: str, directory: Path, way: Between) -> Does:
    """What a script returns, or the error that it throws."""
    caller = token(f"javascript-{next(_numbers)}")

    def run(script: str, *, url: str = way.url) -> Any:
        program = PROGRAM.replace("SCRIPT", script)
        command = [node, "--input-type=module", "-e", program, url, caller, TEXT]
        ran = subprocess.run(command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=90)
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout)
        return told["error"] if "error" in told else told.get("value")

    return run


def test_a_job_is_run_in_one_call(does: Does) -> None:
    assert does("return client.run('nap', 0, { timeout: 30 })") == "rested"


def test_a_submit_says_all_that_the_service_takes(does: Does) -> None:
    script = """
      const options = { delay: 600, queue: "parked", labels: { a: "b & c" }, idempotencyKey: 'a "key" \\\\ of mine' };
      const first = await client.submit("nap", 1, options), second = await client.submit("nap", 1, options);
      return [first.id === second.id, client.lastHeaders.get("idempotency-replayed"), await first.status()];
    """
    is_same, replayed, job = does(script)
    assert (is_same, replayed) == (True, "true")
    assert (job["status"], job["queue"], job["labels"]) == ("scheduled", "parked", {"a": "b & c"})


def test_a_job_is_resumed_cancelled_rerun_and_listed(does: Does) -> None:
    script = """
      const { id } = await client.submit("nap", 1, { delay: 600, labels: { batch: "one" } });
      const job = client.job(id);
      const states = [(await job.cancel()).status, (await job.cancel()).status, (await job.wait()).status];
      const again = await job.rerun();
      const filter = { labels: { batch: "one" }, type: "nap", status: ["cancelled", "failed"] };
      const found = (await all(client.jobs(filter))).map((each) => each.id);
      return [states, (await again.status()).originalJobId === id, found.includes(id)];
    """
    assert does(script) == [["cancelled"] * 3, True, True]


def test_a_list_has_all_its_pages(does: Does, way: Between) -> None:
    script = """
      for (let number = 0; number < 53; number++) await client.submit("nap", 1, { delay: 600 });
      return new Set((await all(client.jobs({ status: "scheduled" }))).map((job) => job.id)).size;
    """
    assert does(script) == 53
    assert len(way.took(r"GET /jobs\?")) == 2


def test_an_empty_page_with_a_cursor_is_not_the_end(does: Does, way: Between) -> None:
    nothing_yet = answers(200, b'{"jobs":[],"cursor":"9000000000000_00000000-0000-7000-8000-000000000000"}')
    way.fail(nothing_yet, nothing_yet, at=r"GET /jobs\?")
    script = """
      const { id } = await client.submit("nap", 1, { delay: 600, labels: { batch: "far" } });
      const found = await all(client.jobs({ labels: { batch: "far" } }));
      return found.length === 1 && found[0].id === id;
    """
    assert does(script) is True
    assert len(way.took(r"GET /jobs\?.*cursor=9000000000000_")) == 2


ENDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "refused": ("await client.submit('nap', 'long')", {"status": 422, "code": "invalid_payload", "path": "$.payload"}),
    "failed": (
        """const asked = { content: 'a\\n1\\n', sourceFormat: 'csv', targetFormat: 'jsonl', columns: ['b'] };
           await client.run('export', asked);""",
        {"code": "column_unknown", "message": "The table has no column 'b'."},
    ),
    "cancelled": (
        "const job = await client.submit('nap', 1, { delay: 600 }); await job.cancel(); await job.result()",
        {"message": "The job was cancelled."},
    ),
    "expired": (
        """const job = await client.submit('nap', 0); await job.wait();
           for (;;) { await job.status(); await new Promise((wake) => setTimeout(wake, 300)); }""",
        {"status": 410, "code": "job_expired"},
    ),
    "timeout": ("const job = await client.submit('nap', 1, { delay: 600 }); await job.result({ timeout: 1.2 })", {}),
    "unreachable": ("await new Client('http://127.0.0.1:CLOSED').job('x').status()", {}),
}


@pytest.mark.parametrize("kind", ENDINGS)
def test_each_ending_is_told(does: Does, kind: str) -> None:
    script, details = ENDINGS[kind]
    error = does(script.replace("CLOSED", str(free_port())))
    assert (error["kind"], error["isOurs"]) == (kind, True), error
    assert {name: error[name] for name in details} == details
    assert error["message"]
    if kind in ("failed", "cancelled", "timeout"):
        assert error["job"]["status"] == ("scheduled" if kind == "timeout" else kind)


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_request_is_sent_three_times_and_a_submit_makes_one_job(does: Does, way: Between, fault: Any) -> None:
    way.fail(fault, fault, at="POST /jobs")
    assert does("await client.submit('nap', 1, { delay: 600 }); return (await all(client.jobs())).length") == 1
    keys = [asked.headers["idempotency-key"] for asked in way.took("POST /jobs")]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_the_fourth_time_is_the_callers_and_a_plain_no_at_once(does: Does, way: Between) -> None:
    way.fail(*[away()] * 3)
    error = does("await client.submit('nap', 0)")
    assert (error["kind"], error["status"], error["code"]) == ("refused", 503, "store_unavailable")
    assert len(way.asked) == 3
    way.fail(answers(404))
    error = does("await client.submit('nap', 0)")
    assert (error["kind"], error["status"], error["message"]) == ("refused", 404, f"{way.url} answers 404.")
    assert len(way.asked) == 4


def test_as_long_is_waited_as_the_service_says(does: Does, way: Between) -> None:
    way.fail(away(429, retry_after="2"))
    does("await client.submit('nap', 1, { delay: 600 })")
    first, second = way.asked
    assert 2 <= second.at - first.at < 5


def test_a_redirect_is_not_followed(does: Does, way: Between) -> None:
    with between(way.url) as elsewhere:
        way.fail(answers(307, location=f"{elsewhere.url}/jobs"))
        error = does("await client.submit('nap', 0)")
        assert elsewhere.asked == []
    assert (error["kind"], error["status"], error["location"]) == ("redirected", 307, f"{elsewhere.url}/jobs")
    assert elsewhere.url in error["message"]


def test_what_was_done_though_its_answer_was_lost_is_not_done_again(does: Does, way: Between) -> None:
    for path in ("POST /jobs$", "/cancel", "/rerun"):
        way.fail(loses, at=path)
    script = """
      const job = await client.submit("nap", 1, { delay: 600 });
      await job.cancel();
      await job.rerun();
      return (await all(client.jobs())).length;
    """
    assert does(script) == 2
    assert len(way.took("POST")) == 6


def test_a_wait_goes_on_through_all_that_passes(does: Does, way: Between) -> None:
    way.fail(*[away(status) for status in (503, 429, 502, 504, 408, 503)], drops, cuts, away(429), at="GET")
    way.fail(hurries, at="POST")
    script = "return client.run('generate_assessment', { text: TEXT, questions: 1 }, { timeout: 60 })"
    assert does(script)["mcqs"]
    assert len(way.took("GET")) >= 10


@pytest.mark.parametrize(
    "fault", [away(), away(retry_after="30"), takes(6), drops], ids=["no", "later", "silent", "drop"]
)
def test_a_wait_ends_in_time_whatever_the_service_does(does: Does, way: Between, fault: Any) -> None:
    way.fail(*[fault] * 1000, at="GET")
    script = """
      const job = await client.submit("nap", 1, { delay: 600 }), began = performance.now();
      const error = await job.wait({ timeout: 2 }).catch((error) => error);
      return [error.kind, error.cause?.kind, performance.now() - began];
    """
    kind, cause, took_ms = does(script)
    assert (kind, cause in ("refused", "unreachable")) == ("timeout", True)
    # A timer of node may be a moment early.
    assert 1990 <= took_ms < 5000


def test_a_wait_is_held_where_the_service_holds_it(does: Does, way: Between) -> None:
    script = f"return (await client.submit('generate_assessment', {json.dumps(SLOW)})).result({{ timeout: 60 }})"
    assert does(script)["mcqs"]
    assert len(way.took("GET")) <= 4
    assert way.took("GET")[0].headers["prefer"] in ("wait=24", "wait=25")


def test_a_run_is_one_request_where_the_job_ends_in_time(does: Does, way: Between) -> None:
    assert does("return client.run('nap', 0.2, { timeout: 30 })") == "rested"
    assert [asked.method for asked in way.asked] == ["POST"]


def test_else_it_asks_as_often_as_the_service_says(does: Does, way: Between) -> None:
    way.fail(*[hurries] * 100)
    assert does(f"return client.run('generate_assessment', {json.dumps(SLOW)})")["mcqs"]
    times = [asked.at for asked in way.took("GET")]
    assert len(times) > 2
    assert all(later - earlier + 0.02 >= 1 for earlier, later in pairwise(times))


def test_a_stream_of_the_service_itself_tells_each_change(does: Does, service: Running) -> None:
    script = f"return all(client.events(await client.submit('generate_assessment', {json.dumps(SLOW)})))"
    told = does(script, url=service.url)
    assert told[-1]["status"] == "succeeded"
    assert len({each["progress"]["percent"] for each in told}) > 2


def test_a_stream_of_events_is_followed_and_taken_up_again(does: Does, way: Between) -> None:
    half = {"status": "running", "progress": {"percent": 50, "message": "half"}}
    way.fail(streams({"status": "running"}, half, half, breaks=True), at="/events")
    way.fail(streams(half, {"status": "succeeded"}), at="/events")
    script = """
      const job = await client.submit("nap", 1, { delay: 2 });
      return (await all(client.events(job.id))).map((each) => [each.status, each.progress.percent]);
    """
    told = does(script)
    assert told[:3] == [["scheduled", 0], ["running", 0], ["running", 50]]
    assert told[-1][0] == "succeeded"
    assert len(way.took("/events")) == 2


def test_a_page_of_the_service_needs_no_address(service: Running, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("A browser is needed: Debian's chromium.")
    page = f"""<!doctype html><title>waiting</title><script type="module">
      import {{ Client }} from "./client.js";
      const client = new Client(undefined, "{token("browser")}");
      document.title = await client.run("nap", 0.1, {{ timeout: 20 }}).catch((error) => error.message);
    </script>"""
    with between(service.url) as way:
        way.fail(answers(200, page.encode(), content_type="text/html"), at="GET /page")
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
        command = [browser, *options, "--virtual-time-budget=60000", f"{way.url}/page"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment(no_proxy="*"))
        until(lambda: way.took("POST /jobs"))
    assert "<title>rested</title>" in shown.stdout, shown.stdout + shown.stderr


_numbers = iter(range(1_000_000))
