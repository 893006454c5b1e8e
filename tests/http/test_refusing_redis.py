"""What callers hear of a Redis that answers, and says no: a 503 with its reason, never a 500, and reads go on."""

from collections.abc import Iterator

import pytest

from pollable.settings import Settings
from tests.http.calling import Deployment
from tests.saying_no import ContraryRedis
from tests.servers import programs

SIZE = 10_000
UNABLE = {
    **dict.fromkeys(["NOREPLICAS", "READONLY", "MISCONF"], "store_readonly"),
    "OOM": "store_full",
    "NOPERM": "store_unavailable",
}
UNHEARD = ["BUSY", "MASTERDOWN"]


@pytest.fixture(scope="module", params=sorted(programs()))
def contrary(request: pytest.FixtureRequest) -> Iterator[ContraryRedis]:
    server = ContraryRedis(programs()[request.param])
    yield server
    server.close()


@pytest.fixture
def deployment(contrary: ContraryRedis) -> Iterator[Deployment]:
    contrary.admin.flushall()
    running = Deployment(Settings(redis_url=contrary.url, auth="none", quota_polls=1000, quota_reads=1000))
    yield running
    running.close()


def ways_to_write(deployment: Deployment) -> dict[str, tuple[str, str]]:
    ended, waiting = deployment.submit(), deployment.submit()
    deployment.redis.lrem("rq:queue:pollable", 0, ended)
    deployment.succeed(ended)
    return {
        "submit": ("POST", "/jobs"),
        "submit by a route of its own": ("POST", "/generate_assessment"),
        "cancel": ("POST", f"/jobs/{waiting}/cancel"),
        "rerun": ("POST", f"/jobs/{ended}/rerun"),
        "delete": ("DELETE", f"/jobs/{ended}"),
    }


@pytest.mark.parametrize("no", UNABLE)
def test_writes_are_refused_with_the_reason_and_reads_go_on(
    contrary: ContraryRedis, deployment: Deployment, no: str
) -> None:
    ways = ways_to_write(deployment)
    read = ways["cancel"][1].removesuffix("/cancel")
    before = deployment.get(read).json()
    with contrary.saying(no):
        for way, (method, path) in ways.items():
            if no == "OOM" and way in ("cancel", "delete"):
                # These give memory back.
                continue
            body = {"type": "anything", "payload": 1} if path == "/jobs" else {"text": "a"}
            answer = deployment.request(method, path, json=body if method == "POST" else None)
            assert (answer.status_code, answer.json()["code"]) == (503, UNABLE[no]), (way, answer.text)
            assert int(answer.headers["retry-after"]) >= 1
        for path in (read, f"/api/v1/jobs/{before['id']}", "/jobs?limit=5", f"{ways['delete'][1]}/result"):
            answer = deployment.get(path)
            assert answer.status_code == 200, (path, answer.text)
        assert deployment.get(read).json() == before
    deployment.submit()


@pytest.mark.parametrize("no", UNHEARD)
def test_nothing_is_answered_by_a_redis_that_answers_nothing(
    contrary: ContraryRedis, deployment: Deployment, no: str
) -> None:
    job_id = deployment.submit()
    with contrary.saying(no):
        for answer in (
            deployment.get(f"/jobs/{job_id}"),
            deployment.get("/jobs"),
            deployment.post("/jobs", {"type": "anything", "payload": 1}),
            deployment.post(f"/jobs/{job_id}/cancel"),
        ):
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] in ("store_unavailable", "store_readonly")
            assert int(answer.headers["retry-after"]) >= 1
    assert deployment.get(f"/jobs/{job_id}").status_code == 200


def test_new_jobs_are_refused_before_redis_is_full(contrary: ContraryRedis, deployment: Deployment) -> None:
    contrary.fill(headroom_bytes=12_000_000)
    try:
        first = deployment.submit(payload="x" * SIZE)
        while True:
            answer = deployment.post("/jobs", {"type": "anything", "payload": "x" * SIZE})
            if answer.status_code != 202:
                break
        assert (answer.status_code, answer.json()["code"]) == (503, "store_full")
        # Another's writes are not refused yet; and what waits can be cancelled, which makes room.
        deployment.redis.set("theirs", "x" * SIZE)
        assert deployment.post(f"/jobs/{first}/cancel").status_code == 200
        assert deployment.post(f"/jobs/{first}/rerun").json()["code"] == "payload_freed"
    finally:
        contrary.set(maxmemory=0)


@pytest.mark.parametrize("ending", ["succeed", "fail", "cancel"])
def test_a_job_that_ends_when_memory_is_used_up_gives_its_payload_for_it(
    contrary: ContraryRedis, deployment: Deployment, ending: str
) -> None:
    job_id = deployment.submit(payload="x" * SIZE)
    claim = None if ending == "cancel" else deployment.start(job_id)
    contrary.fill(headroom_bytes=-100_000)
    try:
        if claim is None:
            assert deployment.post(f"/jobs/{job_id}/cancel").status_code == 200
        elif ending == "succeed":
            deployment.end(claim, b'"done"')
        else:
            deployment.break_off(claim)
        job = deployment.get(f"/jobs/{job_id}").json()
    finally:
        contrary.set(maxmemory=0)
    assert job["status"] == {"succeed": "succeeded", "fail": "failed", "cancel": "cancelled"}[ending]
    refusal = deployment.post(f"/jobs/{job_id}/rerun")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "payload_freed")
    managed = deployment.post(f"/v1/api/jobs/{job_id}/rerun")
    assert (managed.status_code, managed.json()["error"]["code"]) == (409, "payload_freed")


def test_a_job_that_ends_in_plenty_keeps_its_payload(contrary: ContraryRedis, deployment: Deployment) -> None:
    contrary.fill(headroom_bytes=50_000_000)
    try:
        job_id = deployment.submit()
        deployment.succeed(job_id)
        assert deployment.post(f"/jobs/{job_id}/rerun").status_code == 202
    finally:
        contrary.set(maxmemory=0)


def test_a_requeue_of_a_job_without_payload_changes_nothing(contrary: ContraryRedis, deployment: Deployment) -> None:
    job_id = deployment.submit()
    claim = deployment.start(job_id)
    contrary.fill(headroom_bytes=-100_000)
    deployment.break_off(claim)
    contrary.set(maxmemory=0)
    # As `rq requeue` does it.
    deployment.redis.hset(
        f"rq:job:{job_id}", mapping={"status": "queued", "enqueued_at": "2030-01-01T00:00:00.000000Z"}
    )
    deployment.redis.rpush("rq:queue:pollable", job_id)
    assert deployment.get(f"/jobs/{job_id}").json()["status"] == "failed"
    assert not deployment.is_claimable(job_id)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru"])
def test_a_redis_that_makes_room_itself_is_never_short(
    contrary: ContraryRedis, deployment: Deployment, policy: str
) -> None:
    contrary.set(maxmemory_policy=policy)
    contrary.fill(headroom_bytes=300_000)
    try:
        deployment.submit()
    finally:
        contrary.set(maxmemory=0, maxmemory_policy="noeviction")
