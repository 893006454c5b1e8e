"""What is read of a job that ended is kept for a second, and for no longer than it is true."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import msgspec
import pytest

from pollable.http import kept
from pollable.settings import Settings
from pollable.storage import keys
from tests.http.calling import JOB_TYPES, Deployment, catalog_of, job_type
from tests.http.test_lifecycle import READS
from tests.keyspace import rq_job

SECRET = "a secret that is long enough for HS256"
PLAIN = READS["plain"]


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    catalog = catalog_of(*JOB_TYPES, job_type("brief", payload_type=Any, result_ttl_s=1))
    running = Deployment(settings, catalog=catalog)
    yield running
    running.close()


@contextmanager
def forbidden(deployment: Deployment, command: str) -> Iterator[None]:
    client: Any = deployment.redis
    client.execute_command("ACL", "SETUSER", "default", f"-{command}")
    try:
        yield
    finally:
        client.execute_command("ACL", "SETUSER", "default", f"+{command}")


def change_unheard(deployment: Deployment, job_id: str, result: str) -> None:
    """As no script does it, so that nobody is told."""
    deployment.redis.hset(keys.record(job_id), "result", result)


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (seen := is_so()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen


def kept_job(deployment: Deployment, path: str = PLAIN, **headers: str) -> str:
    """A job that ended with 0, whose answer is kept: Redis says 1 by now."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        answer = deployment.post("/jobs", {"type": "anything", "payload": 1}, **headers)
        job_id = str(answer.json()["id"])
        deployment.succeed(job_id, b"0")
        # Whose loop runs while it is asked, and hears until then of what came before.
        deployment.get("/jobs/nothing", **headers)
        deployment.get(path.format(id=job_id), **headers)
        change_unheard(deployment, job_id, "1")
        if result(deployment, job_id, path, **headers) == 0:
            return job_id
    raise AssertionError("No answer is kept.")


def result(deployment: Deployment, job_id: str, path: str = PLAIN, **headers: str) -> object:
    return deployment.get(path.format(id=job_id), **headers).json().get("result")


def test_an_answer_is_given_again_for_a_second_and_no_longer(deployment: Deployment) -> None:
    job_id, began = kept_job(deployment), time.monotonic()
    first = deployment.get(PLAIN.format(id=job_id))
    again = deployment.get(PLAIN.format(id=job_id))
    assert first.content == again.content == b'{"status":"finished","result":0}'
    assert first.headers["etag"] == again.headers["etag"]
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert deployment.get(PLAIN.format(id=job_id), if_none_match=first.headers["etag"]).status_code == 304
    head = deployment.request("HEAD", PLAIN.format(id=job_id))
    assert (head.content, head.headers["content-length"]) == (b"", "32")
    assert within(2, lambda: result(deployment, job_id) == 1)
    assert 0.5 < time.monotonic() - began < 1.5


@pytest.mark.parametrize("name", ["plain", "record", "native"])
def test_a_deleted_job_is_gone_at_once(deployment: Deployment, name: str) -> None:
    job_id = kept_job(deployment, READS[name])
    # What is published comes later than the answer, or never.
    with forbidden(deployment, "publish"):
        assert deployment.request("DELETE", f"/jobs/{job_id}").status_code == 204
    answer = deployment.get(READS[name].format(id=job_id))
    assert answer.status_code == {"native": 410, "plain": 200}.get(name, 404)
    assert answer.content == b'{"status":null}' or name != "plain"


def test_what_another_process_publishes_is_heard(deployment: Deployment) -> None:
    job_id = kept_job(deployment)
    deployment.redis.publish(keys.changed(job_id), "9 succeeded anonymous")
    assert within(0.4, lambda: result(deployment, job_id) == 1)


def test_a_requeue_that_is_read_elsewhere_is_read_here(deployment: Deployment) -> None:
    job_id = deployment.submit()
    deployment.fail(job_id)
    assert within(5, lambda: deployment.get(PLAIN.format(id=job_id)).json()["status"] == "failed")
    deployment.redis.hset(rq_job(job_id), mapping={"status": "queued", "enqueued_at": "later"})
    assert within(1.5, lambda: deployment.get(PLAIN.format(id=job_id)).json()["status"] == "queued")


def test_while_no_change_is_heard_nothing_is_kept(deployment: Deployment) -> None:
    job_id = kept_job(deployment)
    with forbidden(deployment, "psubscribe"):
        deployment.redis.client_kill_filter(_type="pubsub")
        assert within(0.4, lambda: result(deployment, job_id) == 1)
    # Heard again, and again kept.
    kept_job(deployment)


def test_an_expired_job_is_gone_when_it_expires(deployment: Deployment) -> None:
    kept_job(deployment)
    job_id = deployment.submit("brief")
    deployment.succeed(job_id, b"0")
    expires_ms = int(deployment.redis.hget(keys.record(job_id), "expires_at") or 0)

    def now_ms() -> int:
        seconds, microseconds = deployment.redis.time()
        return seconds * 1000 + microseconds // 1000

    assert within(2, lambda: now_ms() > expires_ms - 300)
    while deployment.get(f"/jobs/{job_id}").status_code == 200:
        assert now_ms() < expires_ms + 20
    assert now_ms() >= expires_ms


def test_another_path_has_its_own_words(deployment: Deployment) -> None:
    job_id = kept_job(deployment)
    bodies = {name: deployment.get(READS[name].format(id=job_id)).json() for name in ("plain", "record", "native")}
    assert [bodies[name]["status"] for name in bodies] == ["finished", "COMPLETED", "succeeded"]


def test_links_have_the_prefix_of_each_caller(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, trusted_proxies=("127.0.0.1",)))
    job_id = kept_job(deployment, "/jobs/{id}")
    links = {
        prefix: deployment.get(f"/jobs/{job_id}", x_forwarded_prefix=prefix).json()["links"]["self"]
        for prefix in ("/a", "/b")
    }
    deployment.close()
    assert links == {"/a": f"/a/jobs/{job_id}", "/b": f"/b/jobs/{job_id}"}


def test_what_is_kept_of_one_caller_is_not_told_to_another(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))
    token = {
        who: "Bearer " + jwt.encode({"sub": who, "exp": int(time.time()) + 60}, SECRET) for who in ("owner", "stranger")
    }
    job_id = kept_job(deployment, authorization=token["owner"])
    assert result(deployment, job_id, authorization=token["stranger"]) is None
    assert result(deployment, job_id, authorization=token["owner"]) == 0
    assert deployment.get(PLAIN.format(id=job_id)).status_code == 401
    deployment.close()


def test_what_is_kept_counts_against_a_quota_all_the_same(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=50))
    job_id = kept_job(deployment)
    answers = [deployment.get(PLAIN.format(id=job_id)) for _ in range(3)]
    left = [int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]) for answer in answers]
    assert (left[1], left[2]) == (left[0] - 1, left[0] - 2)
    assert answers[0].json()["result"] == 0
    known = deployment.get(PLAIN.format(id=job_id), if_none_match=answers[0].headers["etag"])
    assert (known.status_code, known.headers["ratelimit"].split(";")[1]) == (304, f"r={left[2] - 1}")
    statuses = [deployment.get(PLAIN.format(id=job_id)).status_code for _ in range(left[2])]
    assert statuses == [200] * (left[2] - 1) + [429]
    deployment.close()


def test_a_redis_that_refuses_to_count_does_not_refuse_what_is_kept(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=50))
    job_id = kept_job(deployment)
    with forbidden(deployment, "rpush"):
        answer = deployment.get(PLAIN.format(id=job_id))
    deployment.close()
    assert (answer.status_code, answer.json()["result"]) == (200, 0)
    assert "ratelimit" not in answer.headers


def test_the_oldest_answer_makes_room(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 2)
    one, two = kept_job(deployment), kept_job(deployment)
    assert [result(deployment, job_id) for job_id in (one, two)] == [0, 0]
    three = kept_job(deployment)
    assert [result(deployment, job_id) for job_id in (two, three, one)] == [0, 0, 1]


def test_a_large_answer_and_one_of_an_older_release_are_not_kept(deployment: Deployment) -> None:
    kept_job(deployment)
    large, old = deployment.submit(), deployment.submit()
    deployment.succeed(large, b'"%s"' % (b"x" * kept.LARGEST_BYTES))
    deployment.succeed(old, b"0")
    deployment.redis.hdel(keys.record(old), "version")
    for job_id in (large, old):
        deployment.get(PLAIN.format(id=job_id))
        change_unheard(deployment, job_id, "1")
        assert result(deployment, job_id) == 1


@pytest.mark.parametrize(("size", "kept_is"), [(10, "old"), (9_000, "new")], ids=["small", "large"])
def test_who_has_a_small_answer_has_it_kept_for_the_next(
    settings: Settings, deployment: Deployment, size: int, kept_is: str
) -> None:
    """A 304 that Redis alone could give would be asked for again and again; of what is large it spares the reading."""
    other = Deployment(settings, catalog=deployment.catalog)
    deadline = time.monotonic() + 5
    told = ""
    while told != kept_is and time.monotonic() < deadline:
        job_id = deployment.submit("anything", 1)
        deployment.succeed(job_id, b'"%s"' % (b"o" * size))
        deployment.get("/jobs/nothing")
        etag = other.get(PLAIN.format(id=job_id)).headers["etag"]
        assert deployment.get(PLAIN.format(id=job_id), if_none_match=etag).status_code == 304
        change_unheard(deployment, job_id, '"new"')
        told = "new" if result(deployment, job_id) == "new" else "old"
        if kept_is == "new":
            break
    other.close()
    assert told == kept_is
