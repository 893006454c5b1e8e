"""The page in Chromium as operators use it: everyone's jobs, and the queues over the last hour."""

import re

import pytest
import redis
from playwright.sync_api import Page, expect

from pollable.auth.principal import SCOPES
from tests.browser.deployed import Desk, past_hour, signed_in
from tests.browser.test_page import findings, reach


@pytest.fixture
def operator(staffed: str, own_redis: str) -> Desk:
    return Desk(staffed, own_redis, scopes=SCOPES)


def test_everyones_jobs_are_seen_and_changed(page: Page, desk: Desk, operator: Desk) -> None:
    others, own = desk.submit("counts", 60), operator.submit("echo", "a")
    signed_in(page, operator)
    expect(page.locator("#list li")).to_have_count(1)
    expect(page.get_by_role("heading", name="Your jobs")).to_be_visible()
    # By the keyboard alone.
    page.locator("#jobs").focus()
    reach(page, "#everyone")
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", name="Everyone's jobs")).to_be_visible()
    assert page.url == f"{operator.url}/?owner=*"
    row = page.locator(f"[data-id='{others}']")
    expect(row.locator(".owner")).to_have_text(re.compile("^[0-9a-f]{32}$"))
    expect(page.locator(f"[data-id='{own}']")).to_be_visible()
    # What comes, as it comes.
    newer = desk.submit("echo", "b")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(f"[data-id='{newer}'] .owner")).to_be_visible()
    row.get_by_role("link").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#detail h2 .state")).to_have_text("cancelled", timeout=20_000)
    expect(row.locator(".state")).to_have_text("cancelled")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("checkbox", name="Everyone's jobs").uncheck()
    expect(page.locator("#list li")).to_have_count(1)
    page.go_back()
    expect(page.get_by_role("checkbox", name="Everyone's jobs")).to_be_checked()
    expect(row).to_be_visible()


def test_what_no_longer_fits_goes_and_what_is_ones_own_does_not_come(page: Page, desk: Desk, operator: Desk) -> None:
    job_id = desk.submit("echo", "a", delay=3600)
    signed_in(page, operator, "/?owner=*&status=scheduled")
    row = page.locator(f"[data-id='{job_id}']")
    whose = row.locator(".owner").text_content()
    desk.cancel(job_id)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(row).to_have_count(0)
    signed_in(page, operator, f"/?owner={whose}")
    expect(page.get_by_role("heading", name=f"Jobs of {whose}")).to_be_visible()
    expect(row).to_be_visible()
    own = operator.submit("echo", "b")
    newer = desk.submit("echo", "c")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(f"[data-id='{newer}']")).to_be_visible()
    expect(page.locator(f"[data-id='{own}']")).to_have_count(0)


def test_the_queues_are_drawn_and_told(page: Page, operator: Desk, own_redis: str) -> None:
    with redis.Redis.from_url(own_redis) as client:
        past_hour(client)
    for _ in range(3):
        operator.submit("echo", "a", delay=3600)
    signed_in(page, operator)
    queue = page.locator(".queue", has=page.get_by_role("heading", name="pollable", exact=True))
    expect(queue).to_contain_text("3 due later")
    expect(queue).to_contain_text("of 1 worker busy")
    drawn = queue.get_by_role("img")
    expect(drawn).to_have_count(2)
    expect(drawn.first).to_have_attribute(
        "aria-label", "Waiting jobs in pollable over the last hour: 0 now, at most 40"
    )
    expect(drawn.last).to_have_attribute("aria-label", re.compile("Age of the oldest in pollable .* at most 10 min"))
    # A line through an hour, from the left to the right.
    steps = re.findall(r"[ML]([\d.]+)", str(drawn.first.locator("path").get_attribute("d")))
    assert len(steps) > 100
    assert float(steps[0]) < 10
    assert float(steps[-1]) > 290
    queue.get_by_text("Figures of the last hour").click()
    assert queue.locator("tbody tr").count() == len(steps)
    expect(queue.locator("tbody tr").first).to_contain_text("0")
    # What is open stays so when the figures change.
    operator.submit("echo", "a", delay=3600)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(queue).to_contain_text("4 due later")
    expect(queue.locator("tbody tr").first).to_be_visible()


def test_who_is_no_operator_sees_neither(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    expect(page.locator("#queues")).to_be_hidden()
    expect(page.get_by_role("checkbox", name="Everyone's jobs")).to_be_hidden()
    # An operator's address, in the hands of somebody else, says what is missing and leads back.
    signed_in(page, desk, "/?owner=*")
    expect(page.locator("#alert")).to_contain_text("jobs:admin")
    expect(page.locator("#list li")).to_have_count(0)
    page.get_by_role("checkbox", name="Everyone's jobs").uncheck()
    expect(page.get_by_role("heading", name="Your jobs")).to_be_visible()


def test_axe_finds_nothing_of_operators(page: Page, desk: Desk, operator: Desk, own_redis: str) -> None:
    desk.submit("echo", "a")
    with redis.Redis.from_url(own_redis) as client:
        past_hour(client, each_s=600)
    page.emulate_media(reduced_motion="reduce")
    signed_in(page, operator, "/?owner=*")
    expect(page.locator("#list .owner").first).to_be_visible()
    page.get_by_text("Figures of the last hour").first.click()
    for scheme, width in (("light", 1200), ("dark", 360)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # of two words
        page.set_viewport_size({"width": width, "height": 800})
        assert findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
