"""No payload and no token is in a log, in what RQ keeps of a failure, or on a page of rq-dashboard."""

import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from pollable.cli import issued_tokens
from tests.rq.processes import BIN, running, web, worker
from tests.security.leaky import WAYS
from tests.system.running import free_port, until

MARK = "MARK-of-a-payload-5f2a"
HIDDEN = {"POLLABLE_LOG_TRACEBACKS": "false", "POLLABLE_LOG_LEVEL": "debug"}
JOBS = {"POLLABLE_JOBS": "tests.security.leaky"}
WORKERS: dict[str, list[str]] = {
    "forking": [],
    "simple": ["--simple"],
    "rq": [str(BIN / "rq"), *["worker", "pollable", "--serializer", "pollable.serializer.JSON", "--verbose"]],
}


@pytest.fixture
def token(redis_client: redis.Redis) -> str:
    made, _ = issued_tokens.create(redis_client, "alice", lifetime_s=600)
    return made


@pytest.fixture
def client(redis_url: str, tmp_path: Path, token: str) -> Iterator[httpx.Client]:
    with web(redis_url, tmp_path / "web.log", POLLABLE_AUTH="tokens", **JOBS, **HIDDEN) as http:
        http.headers["authorization"] = f"Bearer {token}"
        yield http


def submitted(client: httpx.Client) -> dict[str, str]:
    """A job for each way to fail."""
    orders = {how: {"type": "leaky", "payload": {"how": how, "text": MARK}, "queue": "pollable"} for how in WAYS}
    return {how: str(client.post("/jobs", json=order).json()["id"]) for how, order in orders.items()}


def told(value: bytes) -> bytes:
    """What RQ packs, unpacked."""
    for unpack in (zlib.decompress, lambda packed: zlib.decompress(b64decode(packed))):
        try:
            return unpack(value)
        except Exception:
            continue
    return value


def kept(redis_client: Any) -> dict[str, bytes]:
    """All that is in Redis, but for the payloads in the records."""
    found: dict[str, bytes] = {}
    for key in redis_client.scan_iter(count=1000):
        name, kind = key.decode(), redis_client.type(key).decode()
        parts: list[bytes] = [value for value in _values(redis_client, name, kind) if value is not None]
        found[name] = b"\n".join(told(part) for part in parts)
    return found


def _values(client: Any, key: str, kind: str) -> Iterator[Any]:
    match kind:
        case "hash":
            for name, value in client.hgetall(key).items():
                yield from (name, b"" if name == b"payload" else value)
        case "stream":
            for _, entry in client.xrange(key):
                yield from (*entry, *entry.values())
        case "list":
            yield from client.lrange(key, 0, -1)
        case "set":
            yield from client.smembers(key)
        case "zset":
            yield from client.zrange(key, 0, -1)
        case _:
            yield client.get(key)


def ended(client: httpx.Client, redis_client: redis.Redis, ids: dict[str, str]) -> None:
    for job_id in ids.values():
        until(lambda job_id=job_id: client.get(f"/jobs/{job_id}").json()["status"] == "failed", within_s=60)  # type: ignore[misc]
        until(lambda job_id=job_id: redis_client.zscore("rq:failed:pollable", job_id) is not None, within_s=30)  # type: ignore[misc]


@pytest.mark.parametrize("kind", WORKERS)
def test_a_payload_and_a_token_stay_where_they_belong(
    client: httpx.Client, redis_url: str, redis_client: redis.Redis, tmp_path: Path, token: str, kind: str
) -> None:
    log = tmp_path / "worker.log"
    ids = submitted(client)
    # Refused ones quote nothing in a log, either.
    client.post("/jobs", json={"type": "leaky", "payload": {"how": MARK, "text": 5}})
    client.post("/jobs", content=MARK.encode(), headers={"content-type": "application/json"})
    client.get(f"/jobs?label.a={MARK}&token={token}")
    settings = {"POLLABLE_AUTH": "tokens", **JOBS, **HIDDEN}
    if kind == "rq":
        options = [*WORKERS[kind], "--url", redis_url]
        employed: AbstractContextManager[object] = running(redis_url, options, log, **settings)
    else:
        employed = worker(redis_url, log, *WORKERS[kind], **settings)
    with employed:
        ended(client, redis_client, ids)
    found = kept(redis_client)
    # The control: the payload was there, and so is what operators go by.
    assert all(
        MARK.encode() in (redis_client.hget(f"rq:pollable:job:{each}", "payload") or b"") for each in ids.values()
    )
    assert b"exception: The job failed: ValueError." in found[f"rq:results:{ids['said']}"]
    assert b"in said" in found[f"rq:results:{ids['said']}"]
    assert [name for name, value in found.items() if MARK.encode() in value] == []
    assert [name for name, value in found.items() if token.encode() in value] == []
    for text in (log.read_text(), (tmp_path / "web.log").read_text()):
        assert text
        assert MARK not in text
        assert token not in text
    _forget(redis_client)


def test_the_workers_own_log_has_the_traceback_unless_it_is_told_not_to(
    client: httpx.Client, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    ids = submitted(client)
    with worker(redis_url, log, POLLABLE_AUTH="tokens", **JOBS):
        ended(client, redis_client, ids)
    assert f"ValueError: {MARK}{MARK} is no number" in log.read_text()
    assert log.read_text().count("ZeroDivisionError") == 0
    told = [line for line in log.read_text().splitlines() if ids["said"] in line and '"event":"ended"' in line]
    assert len(told) == 1
    assert '"code":"exception"' in told[0]
    assert [name for name, value in kept(redis_client).items() if MARK.encode() in value] == []
    _forget(redis_client)


def test_the_dashboard_shows_neither_payload_nor_markup(
    client: httpx.Client, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    port = free_port()
    ids = submitted(client)
    command = [str(BIN / "rq-dashboard"), *f"--json --redis-url {redis_url} --bind 127.0.0.1 --port {port}".split()]
    with (
        worker(redis_url, tmp_path / "worker.log", POLLABLE_AUTH="tokens", **JOBS),
        running(redis_url, command, tmp_path / "dashboard.log"),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as dashboard,
    ):
        ended(client, redis_client, ids)
        until(lambda: _answers(dashboard), within_s=30)
        pages = {how: dashboard.get(f"/0/data/job/{job_id}.json") for how, job_id in ids.items()}
        listed = dashboard.get("/0/data/jobs/pollable/failed/50/asc/1.json")
    for page in (*pages.values(), listed):
        assert page.status_code == 200
        assert MARK not in page.text
    # Its page of a job puts both into the document as they are.
    shown = pages["markup"].json()
    for text in (shown["exc_info"], shown["description"]):
        assert "<img" not in text
        assert "<script" not in text
    assert "no_page: &lt;img src=x onerror=alert(1)&gt; &amp; &lt;script&gt;" in shown["exc_info"]
    assert shown["description"] == "leaky"
    # To its caller it is what it was.
    assert client.get(f"/jobs/{ids['markup']}").json()["error"]["message"].startswith("<img src=x")
    _forget(redis_client)


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/0/data/queues.json").status_code == 200
    except httpx.TransportError:
        return False


def _forget(redis_client: redis.Redis) -> None:
    redis_client.flushall()
