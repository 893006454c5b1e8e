"""`make screenshots`: the pictures of the page in docs/, of a deployment that it starts and stops."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright
from redis import Redis

from pollable.auth.principal import SCOPES
from pollable.cli.embedded import Private, find_server
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.deployed import WEB, WORKER, Desk, past_hour, signed_in, started
from tests.system.running import ROOT

PICTURES = ROOT / "docs" / "pictures"
ORDER = {"customer": "Ada", "lines": [{"article": "Chairs", "pieces": 4}], "paper": "glossy"}


def main() -> None:
    """Wide and light; a phone's width, and dark."""
    program = find_server()
    if program is None or CHROMIUM is None:
        raise SystemExit("A Redis server and Chromium are needed.")
    redis = Private(program)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, started(redis.url, Path(directory), WEB, WORKER, WORKER) as url:
        desk = Desk(url, redis.url)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            page = browser.new_page(viewport={"width": 1200, "height": 820})
            _take(page, desk, "page")
            page.close()
            page = browser.new_page(
                viewport={"width": 390, "height": 1100}, color_scheme="dark", device_scale_factor=1.5
            )
            _take(page, desk, "page-phone-dark")
            page.close()
            page = browser.new_page(viewport={"width": 1200, "height": 820})
            _take_operators(page, redis.url, url)
            browser.close()
    redis.close()


def _take(page: Page, desk: Desk, name: str) -> None:
    desk.submit("breaks", "The printer is out of paper.")
    running = desk.submit("counts", 30)
    ended = desk.submit("print_order", ORDER, month="2026-11")
    signed_in(page, desk, f"/?job={ended}")
    page.get_by_label("Type").first.select_option("print_order")
    expect(page.locator(".result")).to_be_visible(timeout=20_000)
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=PICTURES / f"{name}.png")
    desk.cancel(running)


def _take_operators(page: Page, redis_url: str, url: str) -> None:
    operator, other = Desk(url, redis_url, scopes=SCOPES), Desk(url, redis_url)
    for _ in range(5):
        other.submit("counts", 30)
        operator.submit("echo", "hello", delay=600)
    with Redis.from_url(redis_url) as client:
        past_hour(client)
    signed_in(page, operator, "/?owner=*")
    expect(page.locator("#list .running").first).to_be_visible()
    page.get_by_label("Type").first.select_option("echo")
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=PICTURES / "page-operators.png", full_page=True)


if __name__ == "__main__":
    main()
