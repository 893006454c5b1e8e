"""Answers with large results in them: bounded, and nobody else waits for them."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis
from starlette.requests import ClientDisconnect

from pollable.http.leaving import while_there
from pollable.ids import as_ulid, new_id
from pollable.jobs.reading import ANSWER_BYTES
from pollable.settings import Settings
from pollable.storage import keys
from pollable.worker.claims import Claim, Claims, Ending, Outcome
from tests.http.calling import Deployment
from tests.system.running import Running, free_port, listens, running, until

RESULT = b'"%s"' % (b"x" * 1_048_574)
SERVE = [sys.executable, "-m", "pollable", "serve"]
ABUSE_S = 1.0


@pytest.fixture
def web(redis_url: str, tmp_path: Path) -> Iterator[Running]:
    port = str(free_port())
    settings = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "POLLABLE_JOBS": "tests.system.patient"}
    url = f"http://127.0.0.1:{port}"
    with running(SERVE, url=url, log=tmp_path / "log", settings={**settings, "PORT": port}) as service:
        until(lambda: listens(service))
        yield service


def ended(web: Running, client: redis.Redis, result: bytes) -> str:
    job_id = str(web.http.post("/jobs", json={"type": "doze", "payload": 0}).json()["id"])
    claims = Claims(client, lease_s=30, types=["doze"])
    claim = claims.claim(job_id)
    assert isinstance(claim, Claim)
    claims.complete(claim, Outcome(kind=Ending.SUCCEEDED, result=result))
    return job_id


async def polled(url: str, *, small: str, batch: str) -> tuple[Counter[int], Counter[int]]:
    """How polls of a small job were answered, and how the batches that four callers asked for all the while."""
    polls, batches, ends_at = Counter[int](), Counter[int](), time.monotonic() + ABUSE_S
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:

        async def ask(path: str, told: Counter[int]) -> None:
            while time.monotonic() < ends_at:
                told[(await client.get(path)).status_code] += 1

        await asyncio.gather(
            *(ask(batch, batches) for _ in range(4)), *(ask(f"/jobs/{small}", polls) for _ in range(8))
        )
    return polls, batches


def assert_nobody_waits(web: Running, client: redis.Redis, *, small: str, batch: str) -> None:
    def sent_bytes() -> int:
        statistics: Any = client.info("stats")
        return int(statistics["total_net_output_bytes"])

    before = sent_bytes()
    polls, batches = asyncio.run(polled(web.url, small=small, batch=batch))
    assert set(polls) == set(batches) == {200}, (polls, batches)
    assert polls[200] > batches[200], (polls, batches)
    # Beside the results there are records, of a kilobyte each at the most.
    most = batches[200] * (ANSWER_BYTES + 100_000) + polls[200] * 1000 + 100_000
    assert sent_bytes() - before < most, (polls, batches)


def test_a_result_of_a_megabyte_that_four_read_a_hundred_times_a_request_costs_nobody_a_poll(
    web: Running, redis_client: redis.Redis
) -> None:
    large, small = ended(web, redis_client, RESULT), ended(web, redis_client, b"1")
    spelled = ["&".join(f"id={each}" for each in names) for names in ([large] * 100, [large, as_ulid(large)] * 50)]
    for ids in spelled:
        assert_nobody_waits(web, redis_client, small=small, batch=f"/jobs?{ids}")


def test_a_hundred_results_of_a_megabyte_cost_nobody_a_poll(web: Running, redis_client: redis.Redis) -> None:
    ids = [ended(web, redis_client, RESULT) for _ in range(50)]
    small = ended(web, redis_client, b"1")
    query = "&".join(f"id={job_id}" for job_id in ids)
    assert_nobody_waits(web, redis_client, small=small, batch=f"/jobs?{query}")


def succeeded(deployment: Deployment, result: bytes) -> str:
    deployment.succeed(job_id := deployment.submit(), result)
    return job_id


def test_a_result_that_does_not_fit_is_left_out_and_found_where_the_link_says(deployment: Deployment) -> None:
    result = b'"%s"' % (b"x" * 999_998)
    large, small = succeeded(deployment, result), succeeded(deployment, b'{"done":true}')
    failed = deployment.submit()
    deployment.fail(failed)
    answer = deployment.get(f"/jobs?id={large}&id={large}&id={large}&id={small}&id={failed}&id={new_id()}")
    assert len(answer.content) < 2.1 * len(result)
    jobs, whole = answer.json()["jobs"], json.loads(result)
    assert [job and job.get("result", "left out") for job in jobs] == [
        whole, whole, "left out", {"done": True}, None, None
    ]  # fmt: skip
    assert [job["status"] for job in jobs[:5]] == ["succeeded"] * 4 + ["failed"]
    found = deployment.get(jobs[2]["links"]["result"])
    assert found.content == result
    assert deployment.get(f"/jobs/{large}").json()["result"] == whole


def test_a_large_poll_is_counted_once(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=2))
    large = succeeded(deployment, RESULT)
    assert [deployment.get(f"/jobs/{large}").status_code for _ in range(3)] == [200, 200, 429]
    deployment.close()


def test_a_list_over_which_somebody_wrote_is_said_to_be_damaged(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = deployment.submit()
    deployment.redis.delete(keys.owner("anonymous"))
    deployment.redis.set(keys.owner("anonymous"), "x", ex=60)
    answer = deployment.get("/jobs")
    assert (answer.status_code, answer.json()["code"]) == (500, "record_damaged")
    assert "The list of your jobs is damaged" in answer.json()["detail"]
    assert keys.owner("anonymous") in caplog.text
    assert deployment.get(f"/jobs/{job_id}").status_code == 200


class Caller:
    """Sends nothing, and leaves after so many seconds."""

    def __init__(self, stays_s: float) -> None:
        self._messages = [{"type": "http.request", "body": b"x", "more_body": False}]
        self._stays_s = stays_s

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop()
        await asyncio.sleep(self._stays_s)
        return {"type": "http.disconnect"}


@pytest.mark.parametrize("query", ["", "status=failed", "id=00000000-0000-7000-8000-000000000000"])
def test_nothing_more_is_done_for_a_caller_who_left(settings: Settings, redis_client: redis.Redis, query: str) -> None:
    deployment, told = Deployment(settings), list[Any]()
    deployment.get(f"/jobs?{query}")
    scope = {
        **{"type": "http", "method": "GET", "path": "/jobs", "raw_path": b"/jobs", "root_path": "", "scheme": "http"},
        **{"headers": [(b"host", b"pollable.test")], "query_string": query.encode(), "client": ("127.0.0.1", 1)},
    }

    async def send(message: Any) -> None:
        told.append(message)

    # Scripts wait; without the caller's going this would last until the connection's time-out.
    redis_client.client_pause(30_000, all=False)
    try:
        deployment._loop.run(asyncio.wait_for(deployment.app(scope, Caller(0.05).receive, send), 10))
    finally:
        redis_client.client_unpause()
    assert told == []
    deployment.close()


def test_work_is_done_for_a_caller_who_stays_and_ended_for_one_who_leaves() -> None:
    ended: list[str] = []

    async def work(lasts_s: float) -> str:
        try:
            await asyncio.sleep(lasts_s)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "done"

    async def fails() -> None:
        raise LookupError("as it happens")

    async def one_after_another() -> None:
        assert await while_there(Caller(60).receive, work(0.01)) == "done"
        with pytest.raises(LookupError):
            await while_there(Caller(60).receive, fails())
        assert ended == []
        with pytest.raises(ClientDisconnect):
            await while_there(Caller(0.01).receive, work(60))
        await asyncio.sleep(0)
        assert ended == ["cancelled"]
        assert len(asyncio.all_tasks()) == 1, "whoever waited for the caller to leave is gone, too"

    asyncio.run(one_after_another())
