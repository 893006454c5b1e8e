"""The page in Chromium as callers use it: signed in, by keyboard, on a phone, in the dark, and with the eyes of axe."""

from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.deployed import WEB, Desk, signed_in, started

HOSTILE = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


def findings(page: Page) -> list[str]:
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in Axe().run(page).response["violations"]]


def test_a_job_is_submitted_watched_and_read(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    page.get_by_label("Type").first.select_option("print_order")
    page.get_by_label("customer").fill("Ada")
    page.locator("[data-path='$.payload.lines[0].article']").fill("Chairs")
    page.get_by_role("button", name="Add one").click()
    page.locator("[data-path='$.payload.lines[1].article']").fill("Tables")
    page.locator("[data-path='$.payload.lines[1].pieces']").fill("7")
    page.get_by_label("express").select_option("yes")
    page.get_by_label("paper").select_option("glossy")
    page.get_by_label("discount").fill("0.25")
    page.get_by_label("notes").fill('{"door": "blue"}')
    page.get_by_role("button", name="Submit").click()
    detail = page.locator("#detail")
    expect(detail.locator("h2 .state")).to_have_text("succeeded", timeout=20_000)
    # As it was written: more digits than a number of JavaScript holds.
    detail.locator("summary", has_text="0 2 members").click()
    for text in ("12345678901234567890", "Chairs", "glossy", "0.25", "blue"):
        expect(detail.locator(".result")).to_contain_text(text)
    expect(detail.locator(".line")).to_contain_text("Ended")
    expect(page.locator("#list li").first).to_contain_text("succeeded")


def test_what_does_not_fit_is_said_at_its_field(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    page.get_by_label("Type").first.select_option("print_order")
    page.get_by_label("customer").fill("Ada")
    page.locator("[data-path='$.payload.lines[0].article']").fill("Chairs")
    pieces = page.locator("[data-path='$.payload.lines[0].pieces']")
    pieces.fill("1000")
    page.get_by_role("button", name="Submit").click()
    expect(pieces).to_be_focused()
    expect(pieces).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".misfit")).to_contain_text("100")
    pieces.fill("many")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".misfit")).to_have_text("This is a number.")
    pieces.fill("3")
    page.get_by_label("notes").fill("{")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".misfit")).to_contain_text("no JSON")
    page.get_by_label("notes").fill("{}")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#detail h2")).to_contain_text("print_order")
    expect(page.locator(".misfit")).to_have_count(0)


def test_a_type_with_a_route_of_its_own_is_submitted_there(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    page.get_by_label("Type").first.select_option("visit")
    page.get_by_label("shop").fill("corner 7")
    page.get_by_label("city").fill("Köln")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#detail")).to_contain_text("corner 7")


def test_progress_is_seen_and_a_running_job_is_cancelled(page: Page, desk: Desk) -> None:
    signed_in(page, desk, f"/?job={desk.submit('counts', 60)}")
    expect(page.locator("#detail progress")).to_be_visible(timeout=20_000)
    first = page.locator("#detail progress").get_attribute("value")
    expect(page.locator("#detail progress")).not_to_have_attribute("value", str(first), timeout=10_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#detail h2 .state")).to_have_text("cancelled", timeout=20_000)
    expect(page.locator("#list li .state").first).to_have_text("cancelled")


def test_an_error_is_shown_with_its_code_and_the_job_is_run_again(page: Page, desk: Desk) -> None:
    job_id = desk.submit("breaks", HOSTILE)
    signed_in(page, desk, f"/?job={job_id}")
    expect(page.locator(".failure")).to_contain_text("broken", timeout=20_000)
    # Text from jobs is text.
    expect(page.locator(".failure .message")).to_have_text(HOSTILE)
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("#list li")).to_have_count(2)
    assert job_id not in page.url
    assert page.title() == "Jobs"


def test_text_from_jobs_is_text(page: Page, desk: Desk) -> None:
    signed_in(page, desk, f"/?job={desk.submit('echo', HOSTILE, mark=HOSTILE)}")
    expect(page.locator(".result .string")).to_have_text(HOSTILE, timeout=20_000)
    expect(page.locator("#detail dd")).to_have_text(HOSTILE)
    assert page.title() == "Jobs"
    assert page.locator("#detail img, #detail script").count() == 0


def test_the_address_says_which_jobs_are_looked_at(page: Page, desk: Desk) -> None:
    for number in range(3):
        desk.submit("echo", "a", number=str(number))
    desk.submit("counts", 0.1)
    signed_in(page, desk, "/?type=echo&label.number=1")
    expect(page.locator("#list li")).to_have_count(1)
    page.locator("#by-label").fill("")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#list li")).to_have_count(3)
    assert page.url == f"{desk.url}/?type=echo"
    page.locator("#by-status").select_option("failed")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("There are none.")).to_be_visible()
    page.go_back()
    expect(page.locator("#list li")).to_have_count(3)


def test_older_ones_are_asked_for(page: Page, desk: Desk) -> None:
    for _ in range(40):
        desk.submit("echo", "a")
    signed_in(page, desk)
    expect(page.locator("#list li")).to_have_count(31)
    page.get_by_role("button", name="Show older ones").click()
    expect(page.locator("#list li")).to_have_count(40)
    expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()


def test_one_line_says_that_no_worker_is_there(page: Page, redis_url: str, tmp_path: Path) -> None:
    with started(redis_url, tmp_path, WEB) as url:
        signed_in(page, Desk(url, redis_url))
        expect(page.locator("#alert")).to_have_text("No worker is there: jobs wait until one is.")


def test_the_page_can_be_turned_off(redis_url: str, tmp_path: Path) -> None:
    with started(redis_url, tmp_path, WEB, POLLABLE_PAGE="false") as url, httpx.Client(base_url=url) as http:
        assert [http.get(path).status_code for path in ("/", "/page/app.js", "/client.js", "/docs")] == [
            404,
            404,
            200,
            200,
        ]


def test_a_token_that_is_none_is_refused_and_none_outlives_the_page(page: Page, desk: Desk) -> None:
    page.goto(desk.url)
    page.get_by_label("Token").fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#alert")).to_have_text("This token is not taken.")
    signed_in(page, desk)
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#desk")).to_be_hidden()
    signed_in(page, desk)
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()


def test_the_keyboard_is_enough(page: Page, desk: Desk) -> None:
    page.goto(desk.url)
    page.get_by_label("Token").focus()
    page.keyboard.type(desk.token)
    page.keyboard.press("Enter")
    expect(page.locator("#desk")).to_be_visible()
    reach(page, "#type")
    page.keyboard.type("echo")
    reach(page, "[data-path='$.payload']")
    page.keyboard.type("hello")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#detail h2")).to_be_focused()
    expect(page.locator(".result")).to_contain_text("hello", timeout=20_000)
    reach(page, "[data-act='close']")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_be_hidden()
    expect(page.locator("#list li a").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#detail h2")).to_be_focused()


def reach(page: Page, selector: str) -> None:
    """By the tabulator alone."""
    for _ in range(40):
        if page.evaluate(f'document.activeElement.matches("{selector}")'):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wide_or_narrow(browser: Browser, desk: Desk, scheme: str) -> None:
    failed, ended = desk.submit("breaks", "It broke."), desk.submit("echo", "hello", month="11")
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type] # of two words
    page = context.new_page()
    page.goto(desk.url)
    expect(page.get_by_label("Token")).to_be_visible()
    assert findings(page) == []
    for job_id, width in ((failed, 1200), (ended, 360)):
        page.set_viewport_size({"width": width, "height": 800})
        signed_in(page, desk, f"/?job={job_id}")
        expect(page.locator(".failure, .result")).to_be_visible(timeout=20_000)
        page.get_by_label("Type").first.select_option("print_order")
        page.get_by_role("button", name="Submit").click()
        expect(page.locator(".misfit")).to_be_visible()
        assert findings(page) == []
        # A phone has nothing to push aside.
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


HIDE = "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
SHOW = HIDE.replace("true,", "false,")
TELL = "document.dispatchEvent(new Event('visibilitychange'))"


def test_nothing_is_asked_for_while_the_page_is_hidden(page: Page, desk: Desk) -> None:
    with page.expect_response("**/readyz"):  # Its last question at the start.
        signed_in(page, desk)
    page.evaluate(HIDE + TELL)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    desk.submit("echo", "a")
    page.wait_for_timeout(4000)
    assert asked == []
    page.evaluate(SHOW + TELL)
    expect(page.locator("#list li")).to_have_count(1)


def test_a_page_that_is_hidden_while_it_starts_listens_to_nothing(page: Page, desk: Desk) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(HIDE)
    with page.expect_response("**/jobs?*"):
        signed_in(page, desk)
    page.wait_for_timeout(1500)
    assert not [url for url in asked if url.endswith("/jobs/events")]
    with page.expect_request("**/jobs/events"):
        page.evaluate(SHOW + TELL)


def test_the_reference_shows_the_document_to_those_who_may_read_it(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.url}/docs")
    page.get_by_label("Token").fill(desk.token)
    assert "/jobs/{id}" not in page.content()
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="GET /jobs/{id}", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="POST /shops/{shop}/visits")).to_be_visible()
    assert findings(page) == []
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    # Each name leads to where it is described.
    named = page.eval_on_selector_all("#reference a", "links => links.map(link => link.hash)")
    assert named
    assert page.evaluate("names => names.filter(name => !document.getElementById(name.slice(1)))", named) == []


def test_what_others_do_is_seen_as_it_happens(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    expect(page.get_by_text("There are none.")).to_be_visible()
    job_id = desk.submit("echo", "a")
    row = page.locator(f"[data-id='{job_id}']")
    # Sooner than the list is read again: it is told.
    expect(row).to_contain_text("succeeded", timeout=2000)
    desk.forget(job_id)
    expect(row).to_have_count(0, timeout=2000)


def test_who_reads_a_job_keeps_the_place_while_it_goes_on(page: Page, desk: Desk) -> None:
    signed_in(page, desk)
    job_id = desk.submit("counts", 2)
    page.locator(f"[data-id='{job_id}'] a").click()
    heading = page.locator("#detail h2")
    for said in ("running", "succeeded"):
        expect(heading.locator(".state")).to_have_text(said, timeout=20_000)
        expect(heading).to_be_focused()
    expect(page.locator(f"[data-id='{job_id}'] a[aria-current]")).to_be_visible()
