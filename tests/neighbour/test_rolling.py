"""Deployments whose processes know different job types: each runs what it knows, and nothing is lost."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.jobs.workbench import until
from tests.neighbour.callers import read, status, submit
from tests.rq.processes import BIN, running, web, worker

OLD = {"POLLABLE_JOBS": "tests.neighbour.ours"}
NEW = {"POLLABLE_JOBS": "tests.neighbour.newer"}


@pytest.fixture
def client(url: str, log: Path) -> Iterator[httpx.Client]:
    """The web process, which is the newer one."""
    with web(url, log, **NEW) as made:
        yield made


def succeed(client: httpx.Client, job_ids: list[str]) -> None:
    until(lambda: {status(client, job_id) for job_id in job_ids}, lambda states: states == {"succeeded"})


def without_worker(client: httpx.Client) -> list[str]:
    answer = client.get("/readyz")
    assert answer.status_code == 200, answer.text
    return list(answer.json().get("typesWithoutWorker", []))


def test_an_older_worker_leaves_a_newer_type_to_a_newer_one(url: str, client: httpx.Client, log: Path) -> None:
    with worker(url, log, **OLD):
        fresh = submit(client, "fresh")
        succeed(client, [submit(client) for _ in range(5)])
        seen: dict[str, Any] = until(lambda: read(client, fresh), lambda job: job["stalled"])
        assert (seen["status"], seen["attempts"], seen["error"]) == ("queued", 0, None)
        assert seen["stalledReason"].startswith("No living worker knows")
        assert without_worker(client) == ["fresh"]
        until(lambda: log.read_text(), lambda text: "fresh" in text)
        with worker(url, log, **NEW):
            succeed(client, [fresh])
            assert without_worker(client) == []
    seen = read(client, fresh)
    assert (seen["attempts"], seen["stalled"], seen["stalledReason"]) == (1, False, None)


def test_a_type_that_nobody_knows_any_more_waits_in_its_place(url: str, client: httpx.Client, log: Path) -> None:
    ids = [submit(client, type_) for type_ in ("fresh", "work", "fresh")]
    with worker(url, log, **OLD), Redis.from_url(url) as redis:
        succeed(client, [ids[1]])
        until(lambda: read(client, ids[2])["stalled"], bool)
        assert redis.lrange("rq:queue:pollable", 0, -1) == [ids[0].encode(), ids[2].encode()]


def test_workers_that_are_half_rolled_run_every_job_once(url: str, client: httpx.Client, log: Path) -> None:
    with worker(url, log, **OLD), worker(url, log, **NEW):
        ids = [submit(client, type_) for _ in range(10) for type_ in ("fresh", "work")]
        succeed(client, ids)
    assert {read(client, job_id)["attempts"] for job_id in ids} == {1}


def test_workers_may_be_rolled_first(url: str, log: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(worker(url, log, **NEW))
        old = stack.enter_context(web(url, log, **OLD))
        succeed(old, [submit(old)])
        new = stack.enter_context(web(url, log, **NEW))
        fresh = submit(new, "fresh")
        succeed(old, [fresh])


def test_a_stock_worker_may_know_any_type(url: str, client: httpx.Client, log: Path) -> None:
    command = [str(BIN / "rq"), "worker", "--serializer", "pollable.serializer.JSON", "-u", url, "pollable"]
    with worker(url, log, **OLD), running(url, command, log, **NEW):
        fresh = submit(client, "fresh")
        succeed(client, [fresh])
        # The stock worker may have run it before ours was there.
        until(lambda: client.get("/readyz").status_code, lambda status: status == 200)
        assert without_worker(client) == []
