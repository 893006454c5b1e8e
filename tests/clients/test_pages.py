"""Clients written from the pages alone, in Python and in JavaScript, through every state: each stops in time."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pollable import ids
from pollable.cli.embedded import Private
from tests.clients.conftest import QUEUES, common, listens, serving
from tests.clients.pages.work import ANALYSIS, FAILURE, PROJECT, RESULT, ROUTES, name_of, route_of
from tests.clients.people import SECRET, Person, token
from tests.system.running import environment, running, until

CLIENTS = Path(__file__).with_name("pages")
PACE = 0.05
"""What the pages' intervals are multiplied with."""
CODE, TEXT = FAILURE
STOPPED = "The job was cancelled."
WAITING, GONE = {"waiting": True}, {"gone": True}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What the page's reader sees: the word of each state, and what is reported of each ending."""

    queued: str
    delayed: str
    running: str
    succeeded: tuple[str, Any]
    failed: tuple[str, Any]
    cancelled: tuple[str, Any]
    gone: tuple[None, ...] = ()


PAGES = {
    "plain": Page(
        queued="queued",
        delayed="scheduled",
        running="started",
        succeeded=("finished", {"result": RESULT}),
        failed=("failed", {"error": TEXT}),
        cancelled=("failed", {"error": STOPPED}),
        gone=(None,),
    ),
    "record": Page(
        queued="PENDING",
        delayed="PENDING",
        running="PROCESSING",
        succeeded=("COMPLETED", {"result": RESULT}),
        failed=("FAILED", {"error": TEXT}),
        cancelled=("FAILED", {"error": STOPPED}),
    ),
    "minimal": Page(
        queued="running",
        delayed="running",
        running="running",
        succeeded=("succeeded", {"result": RESULT}),
        failed=("failed", {"error": {"code": CODE, "message": TEXT}}),
        cancelled=("failed", {"error": {"code": "cancelled", "message": STOPPED}}),
    ),
    "managed": Page(
        queued="pending",
        delayed="pending",
        running="running",
        succeeded=("completed", {"result": RESULT}),
        failed=("failed", {"error": {"code": CODE, "message": TEXT}}),
        cancelled=("cancelled", {"cancelled": True}),
    ),
    "agent": Page(
        queued="pending",
        delayed="pending",
        running="processing",
        succeeded=("completed", {"result": ANALYSIS}),
        failed=("failed", {"error": [CODE, TEXT]}),
        cancelled=("failed", {"error": ["cancelled", STOPPED]}),
    ),
}


class Caller:
    """Somebody who submits to a page's own route, and polls with the page's client."""

    def __init__(self, page: str, url: str, bearer: str | None) -> None:
        self.page = page
        self.person = Person(url, bearer)
        self._url = url

    def submit(self, kind: str, act: str) -> str:
        route, name = route_of(self.page, kind), name_of(self.page, kind)
        if route is None:
            answer = self.person.http.post("/v1/api/jobs", json={"type": name, "payload": act})
        else:
            answer = self.person.http.post(route.replace("{projectId}", PROJECT), json=act)
        return _id_in(answer)

    def submitted(self, waiting: str) -> str:
        """A job that comes to that state and stays there."""
        if waiting == "delayed" and self.page != "agent":
            order = {"type": name_of(self.page, "ordinary"), "payload": "", "delay": 3600}
            return _id_in(self.person.http.post("/jobs", json=order))
        # Only its own route gives a job of `agent` its project, so that one waits for another attempt.
        kinds = {"queued": ("parked", ""), "delayed": ("patient", "fail"), "running": ("ordinary", "sleep")}
        return self.submit(*kinds[waiting])

    def state(self, job_id: str) -> str:
        answer = self.person.read(job_id)
        return str(answer.json()["status"]) if answer.status_code == 200 else str(answer.json()["code"])

    def cancel(self, job_id: str) -> None:
        assert self.person.http.post(f"/jobs/{job_id}/cancel").is_success

    def client(self, language: str, job_id: str, *, patience_s: float) -> "subprocess.Popen[str]":
        program = self.page + {"python": ".py", "javascript": ".mjs"}[language]
        command = [_interpreter(language), str(CLIENTS / program), self._url, job_id, str(PACE), str(patience_s)]
        # A proxy that this machine may have does not reach its loopback.
        settings = environment(no_proxy="*", TOKEN=self.person.token or "")
        return subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, text=True)


class Followed(msgspec.Struct, frozen=True):
    """What a client saw: each word once, in their order, and what it reported at the end."""

    words: tuple[Any, ...]
    report: Any


def _id_in(answer: httpx.Response) -> str:
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]
    return str(location.rpartition("=" if "=" in location else "/")[2])


def _interpreter(language: str) -> str:
    if language == "python":
        return sys.executable
    node = shutil.which("node")
    if node is None:
        pytest.skip("The pages' clients in JavaScript need node.")
    return node


def finished(client: "subprocess.Popen[str]", *first: str) -> Followed:
    """The client's own account of it, once it has stopped by itself."""
    output, _ = client.communicate(timeout=40)
    assert client.returncode == 0
    *words, report = map(json.loads, [*first, *output.splitlines()])
    return Followed(tuple(dict.fromkeys(words)), report)


@pytest.fixture(scope="module")
def urls(own_redis: Private, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Where each page is served; that of `plain`, which names no token, by a web process that asks for none."""
    directory = tmp_path_factory.mktemp("pages")
    jobs = {"POLLABLE_JOBS": "tests.clients.pages.registering"}
    with ExitStack() as stack:
        tokens = {"POLLABLE_AUTH": "jwt", "POLLABLE_JWT_SECRET": SECRET}
        guarded = stack.enter_context(serving(own_redis.url, directory, **tokens, **jobs))
        (directory / "open").mkdir()
        unguarded = stack.enter_context(serving(own_redis.url, directory / "open", POLLABLE_AUTH="none", **jobs))
        worker = [sys.executable, "worker.py", "--queues", ",".join(QUEUES[:-1]), "--workers", "2"]
        settings = {**common(own_redis.url), **jobs}
        stack.enter_context(running(worker, url="", log=directory / "worker.log", settings=settings))
        until(lambda: listens(guarded) and listens(unguarded))
        yield {page: unguarded.url if page == "plain" else guarded.url for page in ROUTES}


@pytest.fixture(params=PAGES)
def caller(urls: Mapping[str, str], request: pytest.FixtureRequest) -> Iterator[Caller]:
    page = str(request.param)
    # Each has a quota of their own.
    calling = Caller(page, urls[page], None if page == "plain" else token(f"reader-{ids.new_id()}"))
    yield calling
    calling.person.http.close()


@pytest.fixture(params=["python", "javascript"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("state", ["queued", "delayed", "running"])
def test_it_waits_while_a_job_is(caller: Caller, language: str, state: str) -> None:
    job_id = caller.submitted(state)
    shown = "scheduled" if state == "delayed" else state
    until(lambda: caller.state(job_id) == shown)
    followed = finished(caller.client(language, job_id, patience_s=0.3))
    caller.cancel(job_id)
    assert followed == Followed((getattr(PAGES[caller.page], state),), WAITING)


@pytest.mark.parametrize("ending", ["succeeded", "failed"])
def test_it_stops_once_a_job_has(caller: Caller, language: str, ending: str) -> None:
    page = PAGES[caller.page]
    job_id = caller.submit("ordinary", "fail" if ending == "failed" else "")
    followed = finished(caller.client(language, job_id, patience_s=30))
    last, report = getattr(page, ending)
    assert followed == Followed(followed.words, report)
    assert followed.words[-1] == last
    # Before it the page's words for waiting and running, as far as there was time to see them.
    on_its_way = list(dict.fromkeys([page.queued, page.running]))
    assert [word for word in on_its_way if word in followed.words] == [*followed.words[:-1]]


@pytest.mark.parametrize("began", [False, True], ids=["before it began", "while it ran"])
def test_it_stops_once_a_job_is_cancelled(caller: Caller, language: str, began: bool) -> None:
    page = PAGES[caller.page]
    job_id = caller.submit("ordinary", "sleep") if began else caller.submit("parked", "")
    until(lambda: caller.state(job_id) == ("running" if began else "queued"))
    client = caller.client(language, job_id, patience_s=30)
    assert client.stdout is not None
    # Once it has seen the job waiting or running.
    first = client.stdout.readline()
    caller.cancel(job_id)
    last, report = page.cancelled
    assert finished(client, first) == Followed((page.running if began else page.queued, last), report)


def test_it_stops_where_there_is_no_job(caller: Caller, language: str) -> None:
    followed = finished(caller.client(language, ids.new_id(), patience_s=30))
    assert followed == Followed(PAGES[caller.page].gone, GONE)


def test_it_stops_where_the_job_has_expired(caller: Caller, language: str) -> None:
    job_id = caller.submit("brief", "")
    until(lambda: caller.state(job_id) == "job_expired")
    followed = finished(caller.client(language, job_id, patience_s=30))
    assert followed == Followed(PAGES[caller.page].gone, GONE)


@pytest.mark.parametrize("page", PAGES)
def test_a_client_knows_nothing_but_its_page(page: str) -> None:
    python, javascript = ((CLIENTS / f"{page}.{ending}").read_text() for ending in ("py", "mjs"))
    assert set(re.findall(r"^(?:import|from) (\w+)", python, re.MULTILINE)) <= {*sys.stdlib_module_names, "requests"}
    assert "import" not in javascript
    assert "require(" not in javascript
