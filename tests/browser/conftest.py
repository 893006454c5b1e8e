"""A real browser: the Chromium of the system, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from pollable.cli.embedded import Private
from tests.browser.deployed import WEB, WORKER, Desk, started

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Chromium refuses to run as root with its sandbox.
OPTIONS = ["--no-sandbox"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("There is no Chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser without memory. No script failed at its end, and nothing did what the policy forbids."""
    context = browser.new_context()
    page = context.new_page()
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda line: told.append(line.text) if "Content Security Policy" in line.text else None)
    yield page
    context.close()
    assert told == []


@pytest.fixture(scope="module")
def own_redis(redis_program: Path) -> Iterator[str]:
    server = Private(redis_program)
    yield server.url
    server.close()


@pytest.fixture(scope="module")
def staffed(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(own_redis, tmp_path_factory.mktemp("desk"), WEB, WORKER) as url:
        yield url


@pytest.fixture
def desk(staffed: str, own_redis: str) -> Desk:
    return Desk(staffed, own_redis)
