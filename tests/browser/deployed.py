"""A deployment with the page, as processes of its own, and what its callers do there."""

import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import redis
from playwright.sync_api import Page, expect

from pollable.auth.principal import DEFAULT_SCOPES
from pollable.cli import issued_tokens
from pollable.storage import keys
from tests.system.running import ROOT, free_port, listens, running, until

HISTORY = f"{keys.PREFIX}history"


class Desk:
    """A deployment with the page, for one owner, whom nobody of the other tests is."""

    def __init__(self, url: str, redis_url: str, *, scopes: Iterable[str] = DEFAULT_SCOPES) -> None:
        self.url = url
        with redis.Redis.from_url(redis_url) as client:
            name = f"alice-{secrets.token_hex(4)}"
            self.token, _ = issued_tokens.create(client, name, scopes=scopes, lifetime_s=600)

    def submit(self, type_: str, payload: object, *, delay: float | None = None, **labels: str) -> str:
        order = {"type": type_, "payload": payload, "labels": labels, "delay": delay}
        return str(self._post("/jobs", order)["id"])

    def status(self, job_id: str) -> str:
        known = {"authorization": f"Bearer {self.token}"}
        return str(httpx.get(f"{self.url}/jobs/{job_id}", headers=known, trust_env=False).json()["status"])

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


def past_hour(client: redis.Redis, *, each_s: int = 30) -> None:
    """In place of what reapers noted: a rush, 40 jobs deep, whose oldest waited ten minutes at the most."""
    told: Any = client.time()
    now_ms = int(told[0]) * 1000
    client.delete(HISTORY)
    for ago_s in range(each_s, 3600, each_s):
        depth = max(0, 40 - abs(ago_s // 30 - 60))
        low = f"pollable-low {depth // 2} {depth * 20_000}"
        at_ms = now_ms - ago_s * 1000
        client.zadd(HISTORY, {f"{at_ms} pollable-high 0 0 pollable {depth} {depth * 15_000} {low}": at_ms})
    client.expire(HISTORY, 3600)
