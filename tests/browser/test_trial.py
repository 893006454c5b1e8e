"""One deployment from the Procfile, all at once: a real Prometheus scrapes it while a job is watched on the page."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.deployed import Desk, signed_in
from tests.browser.test_page import findings
from tests.system.running import ROOT, Running, environment, is_ready, procfile_running, until
from tests.system.scraping import Prometheus, needs_prometheus, scraping

TEXT = (ROOT / "service" / "pollable" / "examples" / "texts" / "photosynthesis.txt").read_text()
WIDTHS = (1200, 390)
EXPECTED = {
    'up{job="pollable"}': ["1"],
    "pollable_jobs_ended_total": ["1"],
    'pollable_jobs_ended_total{type="generate_assessment",outcome="succeeded"}': ["1"],
    # Three queues, on all of which the one worker listens, and where nobody waits.
    "pollable_queue_waiting_jobs": ["0"] * 3,
    "pollable_queue_workers": ["1"] * 3,
}

pytestmark = needs_prometheus


@pytest.fixture
def deployment(redis_url: str, tmp_path: Path) -> Iterator[tuple[Running, Prometheus]]:
    """Web and worker for callers with tokens, and their Prometheus, whose token docs/metrics.md says how to make."""
    settings = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "POLLABLE_JOBS": "pollable.examples.assessment"}
    settings |= {"POLLABLE_AUTH": "tokens", "POLLABLE_METRICS": "admin"}
    with ExitStack() as stack:
        service = stack.enter_context(procfile_running(log=tmp_path / "log", settings=settings))
        token = tmp_path / "pollable.token"
        with token.open("wb") as file:
            create = [sys.executable, "-m", "pollable", "tokens", "create", "prometheus", "--scope", "jobs:admin"]
            subprocess.run(create, env=environment(**settings), stdout=file, check=True, timeout=60)
        prometheus = stack.enter_context(scraping(service, tmp_path, token=token))
        until(lambda: is_ready(service), within_s=60)
        yield service, prometheus


def test_a_job_is_watched_on_the_page_and_counted_by_prometheus(
    page: Page, deployment: tuple[Running, Prometheus], redis_url: str
) -> None:
    service, prometheus = deployment
    signed_in(page, Desk(service.url, redis_url))
    watch_a_job(page)
    axe_finds_nothing(page)
    until(lambda: told(prometheus) == EXPECTED, within_s=60)
    until(lambda: {rule["health"] for rule in prometheus.rules()} == {"ok"}, within_s=60)
    assert prometheus.ask('ALERTS{alertstate="firing"}') == []
    service.stop()
    assert "Traceback" not in service.log
    # Nobody answers: the first of the rules begins to count its two minutes.
    until(lambda: prometheus.ask('ALERTS{alertname="PollableDown"}'), within_s=60)


def watch_a_job(page: Page) -> None:
    """From its form to its result, with nothing but what the page shows by itself."""
    page.get_by_label("Type").first.select_option("generate_assessment")
    page.get_by_label("text", exact=True).fill(TEXT)
    page.get_by_label("questions").fill("4")
    page.get_by_label("pace_s").fill("0.5")
    page.get_by_role("button", name="Submit").click()
    detail = page.locator("#detail")
    expect(detail.locator("progress")).to_be_visible(timeout=60_000)
    expect(detail).to_contain_text("question 3 of 4", timeout=60_000)
    expect(page.locator("#list li .state")).to_have_text("running")
    expect(detail.locator("h2 .state")).to_have_text("succeeded", timeout=60_000)
    expect(page.locator("#list li .state")).to_have_text("succeeded")
    expect(detail.locator(".result")).to_contain_text("mcqs 4 items")


def axe_finds_nothing(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert findings(page) == [], f"{scheme}, {width} wide"
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def told(prometheus: Prometheus) -> dict[str, list[str]]:
    """The values of each series that a question finds; none where a scrape has just failed."""
    return {question: [str(each["value"][1]) for each in prometheus.ask(question)] for question in EXPECTED}
