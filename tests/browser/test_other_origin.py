"""A front end on another origin submits, waits and shows: in Chromium, with the module that the service serves."""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
import redis
from playwright.sync_api import Page, expect

from pollable.cli import issued_tokens
from tests.system.running import ROOT, Running, free_port, is_ready, running, until

TEXT = (ROOT / "service" / "pollable" / "examples" / "texts" / "photosynthesis.txt").read_text()
FRONT_END = """<!doctype html>
<p id="shown">nothing yet</p>
<script type="module">
  const shown = document.getElementById("shown");
  const told = new URLSearchParams(location.search);
  try {{
    const {{ Client }} = await import("{service}/client.js");
    const client = new Client("{service}", told.get("token"));
    const job = await client.submit("generate_assessment", {{ text: told.get("text"), questions: 1 }});
    const result = await job.result({{ timeout: 20 }});
    shown.textContent = `${{result.mcqs.length}} question of ${{job.id}}`;
  }} catch (error) {{
    shown.textContent = `${{error.kind ?? error.name}} ${{error.code ?? ""}} ${{error.status ?? ""}}`;
  }}
</script>
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def front_end(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """Another origin: the same host, another port."""
    served = tmp_path / "front"
    served.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def service(redis_url: str, tmp_path: Path, front_end: ThreadingHTTPServer) -> Iterator[Running]:
    """Web and worker; the page of the front end that calls them is there."""
    port = free_port()
    settings = {"REDIS_URL": redis_url, "POLLABLE_AUTH": "tokens", "PORT": str(port), "POLLABLE_HOST": "127.0.0.1"}
    settings["POLLABLE_JOBS"] = "pollable.examples.assessment"
    settings["POLLABLE_CORS_ORIGINS"] = f"http://127.0.0.1:{front_end.server_port}"
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "front" / "index.html").write_text(FRONT_END.format(service=url))
    with ExitStack() as stack:
        for number, command in enumerate((["-m", "pollable", "serve"], ["worker.py", "--simple"])):
            log = tmp_path / f"{number}.log"
            web = stack.enter_context(running([sys.executable, *command], url=url, log=log, settings=settings))
        until(lambda: is_ready(web))
        yield web


@pytest.fixture
def token(redis_url: str) -> str:
    with redis.Redis.from_url(redis_url) as client:
        return issued_tokens.create(client, "alice", lifetime_s=60)[0]


def opened(page: Page, port: int, *, host: str = "127.0.0.1", **told: str) -> None:
    page.goto(f"http://{host}:{port}/?{urlencode(told)}")


@pytest.mark.usefixtures("service")
def test_it_submits_waits_and_shows(front_end: ThreadingHTTPServer, page: Page, token: str) -> None:
    opened(page, front_end.server_port, token=token, text=TEXT)
    expect(page.locator("#shown")).to_contain_text("1 question of ", timeout=20_000)


@pytest.mark.usefixtures("service")
def test_it_reads_why_it_was_refused(front_end: ThreadingHTTPServer, page: Page, token: str) -> None:
    opened(page, front_end.server_port, token="", text=TEXT)
    expect(page.locator("#shown")).to_have_text("refused unauthenticated 401", timeout=20_000)
    opened(page, front_end.server_port, token=token, text="")
    expect(page.locator("#shown")).to_have_text("refused invalid_payload 422", timeout=20_000)


def test_an_origin_that_is_not_named_reads_nothing(
    service: Running, front_end: ThreadingHTTPServer, page: Page, token: str
) -> None:
    opened(page, front_end.server_port, host="localhost", token=token, text=TEXT)
    expect(page.locator("#shown")).to_have_text("TypeError", timeout=20_000)
    assert service.http.get("/jobs", headers={"authorization": f"Bearer {token}"}).json()["jobs"] == []
