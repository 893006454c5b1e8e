"""Two web processes on one Redis: what holds for one caller holds wherever a request arrives."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.contracts.published import check
from tests.http.calling import PROJECT_ID
from tests.http.test_lifecycle import READS
from tests.system.running import Running, free_port, running, until

JOBS = "pollable.examples.everything"
SIMULTANEOUS = 200
KEY = {"Idempotency-Key": '"order-17"'}

AUDIT = f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async"
# A submit of each envelope: its route and its body.
SUBMITS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("/generate_assessment", {"text": "Leaves are green."}),
    "record": ("/api/admin/prompts/preview", {"prompt": "leaves", "documents": [{"text": "Leaves are green."}]}),
    "minimal": ("/api/v1/analysis/screen", {"content": "Guaranteed approval!"}),
    "managed": ("/v1/api/jobs", {"type": "generate_assessment", "payload": {"text": "Leaves are green."}}),
    "agent": (AUDIT, {"notes": [{"text": "Orders wait for approval."}]}),
    "native": ("/jobs", {"type": "generate_assessment", "payload": {"text": "Leaves are green."}}),
}

Start = Callable[..., list[Running]]
Asking = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts two web processes with these settings."""
    with ExitStack() as stack:

        def starting(**settings: str) -> list[Running]:
            webs = [stack.enter_context(web(redis_url, tmp_path, settings)) for _ in range(2)]
            until(lambda: all(listens(each) for each in webs))
            return webs

        yield starting


def web(redis_url: str, directory: Path, settings: dict[str, str]) -> Any:
    port = str(free_port())
    complete = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "POLLABLE_JOBS": JOBS, "PORT": port, **settings}
    command = [sys.executable, "-m", "pollable", "serve"]
    return running(command, url=f"http://127.0.0.1:{port}", log=directory / f"web-{port}.log", settings=complete)


def listens(web: Running) -> bool:
    assert web.process.poll() is None, web.log
    try:
        return web.http.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def at_once(webs: Sequence[Running], ask: Asking, *, times: int = SIMULTANEOUS) -> list[httpx.Response]:
    """So many requests at the same time, every other one to the other process, each on a connection of its own."""
    limits = httpx.Limits(max_connections=None)

    async def gathered() -> list[httpx.Response]:
        async with AsyncExitStack() as stack:
            clients = [httpx.AsyncClient(base_url=web.url, trust_env=False, limits=limits, timeout=30) for web in webs]
            for client in clients:
                await stack.enter_async_context(client)
            return await asyncio.gather(*(ask(clients[number % len(clients)], number) for number in range(times)))

    return asyncio.run(gathered())


def answered(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("location")


def jobs_in(client: redis.Redis) -> int:
    return sum(1 for _ in client.scan_iter("rq:pollable:job:*", count=1000))


# `agent` lets in 20 writes a minute.
@pytest.mark.parametrize("name", SUBMITS)
def test_one_idempotency_key_is_one_job_however_many_ask_at_once(
    start: Start, redis_client: redis.Redis, name: str
) -> None:
    route, body = SUBMITS[name]
    webs = start(POLLABLE_QUOTA_WRITES="0")
    answers = at_once(webs, lambda client, _: client.post(route, json=body, headers=KEY))
    counted = Counter(answered(answer) for answer in answers)
    assert list(counted.values()) == [SIMULTANEOUS]
    assert answers[0].status_code == 202
    assert (jobs_in(redis_client), redis_client.llen("rq:queue:pollable")) == (1, 1)


@pytest.mark.parametrize("different", [2, SIMULTANEOUS], ids="{} different bodies".format)
def test_one_body_wins_an_idempotency_key(start: Start, redis_client: redis.Redis, different: int) -> None:
    route, body = SUBMITS["plain"]
    bodies = [{**body, "text": f"Leaf {number}."} for number in range(different)]
    # Neighbours go to different processes: pairs of them have the same body.
    answers = at_once(
        start(), lambda client, number: client.post(route, json=bodies[number // 2 % different], headers=KEY)
    )
    accepted = [number for number, answer in enumerate(answers) if answer.status_code == 202]
    winner = accepted[0] // 2 % different
    assert accepted == [number for number in range(SIMULTANEOUS) if number // 2 % different == winner]
    assert len({answered(answers[number]) for number in accepted}) == 1
    for refused in (answer for number, answer in enumerate(answers) if number not in accepted):
        assert (refused.status_code, check("plain-problem", refused.content)["code"]) == (422, "idempotency_key_reused")
    assert (jobs_in(redis_client), redis_client.llen("rq:queue:pollable")) == (1, 1)


def test_different_keys_are_different_jobs(start: Start, redis_client: redis.Redis) -> None:
    route, body = SUBMITS["plain"]
    answers = at_once(
        start(), lambda client, number: client.post(route, json=body, headers={"Idempotency-Key": f'"{number // 2}"'})
    )
    assert len({answered(answer) for answer in answers}) == SIMULTANEOUS / 2
    assert jobs_in(redis_client) == SIMULTANEOUS / 2


@pytest.mark.parametrize("name", SUBMITS)
def test_a_replay_shows_how_the_job_ended_and_once_it_is_deleted_the_first_answer(
    start: Start, redis_url: str, tmp_path: Path, name: str
) -> None:
    route, body = SUBMITS[name]
    one, other = start()
    first = one.http.post(route, json=body, headers=KEY)
    job_id = one.http.get("/jobs").json()["jobs"][0]["id"]
    settings = {"REDIS_URL": redis_url, "POLLABLE_JOBS": JOBS}
    with running([sys.executable, "worker.py"], url="", log=tmp_path / "worker.log", settings=settings):
        until(lambda: one.http.get(f"/jobs/{job_id}").json()["status"] in ("succeeded", "failed"))
    ended = one.http.get(READS[name].format(id=job_id)).content
    again = other.http.post(route, json=body, headers=KEY)
    assert (first.status_code, again.status_code) == (202, 202)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert again.headers["location"] == first.headers["location"]
    if name in ("record", "minimal", "agent", "native"):
        assert again.content == ended
    else:
        assert again.json().get("job_id", job_id) == job_id
    assert other.http.get(READS[name].format(id=job_id)).content == ended
    other.http.delete(f"/jobs/{job_id}")
    assert answered(other.http.post(route, json=body, headers=KEY)) == answered(first)


@pytest.mark.parametrize(
    ("bucket", "method", "path"),
    [("polls", "GET", "/jobs/abc"), ("reads", "GET", "/job-types"), ("writes", "POST", "/jobs/abc/cancel")],
)
def test_a_quota_counts_what_arrives_at_either_process(start: Start, bucket: str, method: str, path: str) -> None:
    # One comes back every three seconds.
    webs = start(**{f"POLLABLE_QUOTA_{bucket.upper()}": "20"})
    answers = at_once(webs, lambda client, _: client.request(method, path), times=60)
    let_in = sum(answer.status_code != 429 for answer in answers)
    assert 20 <= let_in <= 22
    for of_one_process in (answers[0::2], answers[1::2]):
        refused = next(answer for answer in of_one_process if answer.status_code == 429)
        assert refused.json()["code"] == "quota_exceeded"
        assert refused.headers["ratelimit-policy"] == f'"{bucket}";q=20;w=60'
