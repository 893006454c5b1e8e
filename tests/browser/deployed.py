"""A deployment with the page, as processes of its own, and what its callers do there."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import redis
from playwright.sync_api import Page, expect

from pollable.cli import issued_tokens
from tests.system.running import ROOT, free_port, listens, running, until


class Desk:
    """A deployment with the page, for one owner, whom nobody of the other tests is."""

    def __init__(self, url: str, redis_url: str) -> None:
        self.url = url
        with redis.Redis.from_url(redis_url) as client:
            self.token, _ = issued_tokens.create(client, f"alice-{secrets.token_hex(4)}", lifetime_s=600)

    def submit(self, type_: str, payload: object, **labels: str) -> str:
        return str(self._post("/jobs", {"type": type_, "payload": payload, "labels": labels})["id"])

    def cancel(self, job_id: str) -> None:
        self._post(f"/jobs/{job_id}/cancel", None)

    def forget(self, job_id: str) -> None:
        known = {"authorization": f"Bearer {self.token}"}
        answer = httpx.delete(f"{self.url}/jobs/{job_id}", headers=known, trust_env=False)
        assert answer.status_code == 204, answer.text

    def _post(self, path: str, body: object) -> dict[str, object]:
        known = {"authorization": f"Bearer {self.token}"}
        answer = httpx.post(self.url + path, json=body, headers=known, trust_env=False)
        assert answer.status_code in (200, 202), answer.text
        return dict(answer.json())


@contextmanager
def started(redis_url: str, directory: Path, *commands: list[str], **settings: str) -> Iterator[str]:
    """These processes of one deployment; its address."""
    port = free_port()
    settings |= {"REDIS_URL": redis_url, "POLLABLE_AUTH": "tokens", "PORT": str(port), "POLLABLE_HOST": "127.0.0.1"}
    settings |= {"POLLABLE_JOBS": "tests.browser.desk", "PYTHONPATH": str(ROOT)}
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        for number, command in enumerate(commands):
            log = directory / f"{number}.log"
            process = running([sys.executable, *command], url=url, log=log, settings=settings)
            service = stack.enter_context(process)
            if "serve" in command:
                until(partial(listens, service))
        yield url


WEB, WORKER = ["-m", "pollable", "serve"], ["worker.py"]


def signed_in(page: Page, desk: Desk, at: str = "/") -> None:
    page.goto(desk.url + at)
    page.get_by_label("Token").fill(desk.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#desk")).to_be_visible()
