"""Two services below a path of nginx, as docs/deploying.md has it: where links lead, and the page in a browser."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.deployed import WEB, WORKER, Desk, signed_in, started
from tests.system.running import ROOT, free_port, listens, running, until
from tests.system.test_nginx import AROUND, NGINX, SNIPPET

BELOW = re.search(r"```nginx\n(location /pollable/ .*?)```", (ROOT / "docs" / "deploying.md").read_text(), re.DOTALL)
LINKS = ("self", "cancel", "events", "result", "rerun")

pytestmark = pytest.mark.skipif(NGINX is None, reason="There is no nginx.")


@pytest.fixture(scope="module")
def below(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The deployment as its callers see it, through the proxy."""
    assert SNIPPET is not None
    assert BELOW is not None
    assert NGINX is not None
    directory = tmp_path_factory.mktemp("nginx")
    with ExitStack() as stack:
        webs = [
            stack.enter_context(
                started(own_redis, tmp_path_factory.mktemp("web"), *each, POLLABLE_TRUSTED_PROXIES="127.0.0.1")
            )
            for each in ([WEB, WORKER], [WEB])
        ]
        snippet = SNIPPET[1].replace("listen 80;", f"listen 127.0.0.1:{(port := free_port())};\n{BELOW[1]}")
        for shown, own in zip(("http://127.0.0.1:8000", "http://127.0.0.1:8001"), webs, strict=True):
            snippet = snippet.replace(shown.removeprefix("http://"), own.removeprefix("http://"))
        (directory / "nginx.conf").write_text(AROUND.format(directory=directory, snippet=snippet))
        command = [NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"]
        url = f"http://127.0.0.1:{port}"
        proxy = stack.enter_context(running(command, url=url, log=directory / "log", settings={}))
        until(lambda: listens(proxy))
        yield Desk(f"{url}/pollable", own_redis)


@pytest.fixture
def caller(below: Desk) -> Iterator[httpx.Client]:
    host = below.url.removesuffix("/pollable")
    with httpx.Client(base_url=host, headers={"authorization": f"Bearer {below.token}"}, trust_env=False) as client:
        yield client


def order(number: int) -> dict[str, object]:
    return {"type": "print_order", "payload": {"customer": "Ada", "lines": [{"article": f"Chairs {number}"}]}}


def test_what_an_answer_names_is_found_there(caller: httpx.Client) -> None:
    # Each upstream answers some.
    for number in range(4):
        submitted = caller.post("/pollable/jobs", json=order(number))
        assert submitted.status_code == 202, submitted.text
        place = submitted.headers["location"]
        assert place.startswith("/pollable/jobs/")
        job = caller.get(place).json()
        named = {name: job["links"][name] for name in LINKS if job["links"].get(name)}
        assert named["self"] == place
        assert all(path.startswith(f"{place}/") for path in {**named, "self": f"{place}/"}.values())
        until(lambda place=place: caller.get(place).json()["status"] == "succeeded")  # type: ignore[misc] # until calls it now
        assert caller.get(caller.get(place).json()["links"]["result"]).is_success


def test_lists_and_descriptions_lead_back(caller: httpx.Client) -> None:
    for number in range(2):
        caller.post("/pollable/jobs", json=order(number))
    page = caller.get("/pollable/jobs?limit=1")
    assert caller.get(page.links["next"]["url"]).json()["jobs"] != page.json()["jobs"]
    assert caller.get("/pollable/openapi.json").json()["servers"] == [{"url": "/pollable"}]
    routes = [each["submit"] for each in caller.get("/pollable/job-types").json()["jobTypes"] if each["submit"]]
    assert routes
    assert all(path.startswith("/pollable/") for path in routes)


def test_the_path_without_its_slash_leads_to_the_page(caller: httpx.Client) -> None:
    found = caller.get("/pollable", follow_redirects=True)
    assert found.status_code == 200
    assert found.url.path == "/pollable/"
    assert found.headers["content-type"].startswith("text/html")


def test_the_page_works_there(page: Page, below: Desk) -> None:
    signed_in(page, below)
    page.get_by_label("Type").first.select_option("print_order")
    page.get_by_label("customer").fill("Ada")
    page.locator("[data-path='$.payload.lines[0].article']").fill("Chairs")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#detail h2 .state")).to_have_text("succeeded", timeout=20_000)
    expect(page.locator("#list li").first).to_contain_text("succeeded")
    page.goto(f"{below.url}/docs")
    page.get_by_label("Token").fill(below.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="GET /jobs/{id}", exact=True)).to_be_visible()
