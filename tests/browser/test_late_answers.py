"""The page in Chromium where an answer comes late: after what it tells has changed, or after one looks elsewhere."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.deployed import Desk, signed_in
from tests.system.running import until

JOB = re.compile("/jobs/[0-9a-f-]{36}$")
NOWHERE = "0" * 36
CANCEL = re.compile("/cancel$")
LIST = re.compile(r"/jobs\?")


@contextmanager
def late(page: Page, path: re.Pattern[str], happens: Callable[[], object]) -> Iterator[None]:
    """Within it something is asked for; the answer tells what was before `happens`, and comes a while after that."""

    def held(route: Route) -> None:
        read = route.fetch()
        asked.append(route)
        happens()
        page.wait_for_timeout(1000)
        route.fulfill(response=read)
        answered.append(route)

    asked: list[Route] = []
    answered: list[Route] = []
    page.route(path, lambda route: route.fallback() if asked else held(route))
    yield
    while not answered:
        page.wait_for_timeout(100)
    # The page has looked at it, too.
    page.wait_for_timeout(200)
    page.unroute(path)


def row_of(page: Page, job_id: str) -> Locator:
    return page.locator(f"[data-id='{job_id}']")


def seen_running(page: Page, desk: Desk) -> tuple[str, Locator]:
    """A job that goes on for a second, and its row."""
    signed_in(page, desk)
    job_id = desk.submit("counts", 1)
    row = row_of(page, job_id)
    expect(row).to_contain_text("running", timeout=20_000)
    return job_id, row


def test_a_list_that_was_read_before_a_change_does_not_undo_it(page: Page, desk: Desk) -> None:
    job_id, row = seen_running(page, desk)
    with late(page, LIST, lambda: until(lambda: desk.status(job_id) == "succeeded")):
        page.get_by_role("button", name="Show", exact=True).click()
    expect(row).to_contain_text("succeeded")


def test_a_job_that_ended_before_it_was_first_shown_is_shown_as_ended(page: Page, desk: Desk) -> None:
    job_id, row = seen_running(page, desk)
    with late(page, JOB, lambda: until(lambda: desk.status(job_id) == "succeeded")):
        row.get_by_role("link").click()
    expect(page.locator("#detail h2 .state")).to_have_text("succeeded")
    expect(page.locator("#detail .result")).to_contain_text("done")
    expect(page.locator("#detail h2")).to_be_focused()


def test_a_job_that_was_cancelled_while_it_was_first_read_is_shown_so(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    job_id = desk.submit("echo", "a", delay=3600)
    with late(page, JOB, lambda: desk.cancel(job_id)):
        row_of(page, job_id).get_by_role("link").click()
    expect(page.locator("#detail h2 .state")).to_have_text("cancelled")


def test_a_job_that_was_forgotten_while_it_was_read_is_not_shown(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    job_id = desk.submit("echo", "a")
    row = row_of(page, job_id)
    expect(row).to_contain_text("succeeded", timeout=20_000)
    with late(page, JOB, lambda: desk.forget(job_id)):
        row.get_by_role("link").click()
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#alert")).to_have_text("This job was forgotten.")


def test_what_was_asked_for_before_one_went_elsewhere_is_not_shown(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    first, second = (desk.submit("echo", text) for text in "ab")
    for job_id in (first, second):
        expect(row_of(page, job_id)).to_contain_text("succeeded", timeout=20_000)
    shown = page.locator("#detail .id")
    with late(page, JOB, lambda: row_of(page, second).get_by_role("link").click()):
        row_of(page, first).get_by_role("link").click()
    expect(shown).to_have_text(second)
    page.get_by_role("button", name="Close").click()
    with late(page, JOB, lambda: page.go_back()):
        row_of(page, first).get_by_role("link").click()
    expect(page.locator("#detail")).to_be_hidden()


def test_a_job_that_is_not_there_hides_no_other(page: Page, desk: Desk) -> None:
    other = desk.submit("echo", "a", delay=3600)
    signed_in(page, desk)
    with late(page, JOB, lambda: row_of(page, other).get_by_role("link").click()):
        page.evaluate(f"history.pushState(null, '', '?job={NOWHERE}'), dispatchEvent(new Event('popstate'))")
    expect(page.locator("#detail .id")).to_have_text(other)
    expect(page.locator("#alert")).to_be_empty()


def test_what_is_done_to_a_job_shows_none_that_one_no_longer_looks_at(page: Page, desk: Desk) -> None:
    done, other = (desk.submit("echo", text, delay=3600) for text in "ab")
    signed_in(page, desk, f"/?job={done}")
    with late(page, CANCEL, lambda: row_of(page, other).get_by_role("link").click()):
        page.get_by_role("button", name="Cancel").click()
    expect(row_of(page, done)).to_contain_text("cancelled")
    expect(page.locator("#detail .id")).to_have_text(other)
    row_of(page, done).get_by_role("link").click()
    expect(page.locator("#detail .id")).to_have_text(done)
    with late(page, JOB, lambda: row_of(page, other).get_by_role("link").click()):
        page.get_by_role("button", name="Forget").click()
    expect(row_of(page, done)).to_have_count(0)
    expect(page.locator("#detail .id")).to_have_text(other)
