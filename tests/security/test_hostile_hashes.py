"""Whatever stands in a hash of RQ's that other code wrote, a read of it is no 500 and costs no more than it may."""

import base64
import json
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pollable.jobs.foreign import RQ_FIELDS
from pollable.settings import Settings
from tests.http.calling import ANALYSIS_ID, PROJECT_ID, Deployment
from tests.http.test_lifecycle import READS

JOB = "theirs"
TTL_MS = 600_000
TIMES = [
    *("99999-01-01T00:00:00.000000Z", "-0001-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00"),
    *(
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999-23:59",
        "9999-12-31T23:59:59",
        "1e308",
        "-1",
        "inf",
        "nan",
    ),
    *(
        "2026-01-01",
        "20260101",
        "2026-W01-1",
        "1969-12-31T23:59:59Z",
        "2026-01-01T00:00:00.0000000000001Z",
        "٢٠٢٦-01-01",
    ),
]
NUMBERS = ["99999999999999999999", "-1", "1e308", "nan", "", "٣", "0x10", "1_0", "9" * 400]
METAS = [
    *(
        '{"progress":1e999}',
        '{"progress":-1e999}',
        '{"progress":NaN}',
        '{"progress":1e308}',
        '{"progress":%s}' % ("9" * 500),
    ),
    *('{"progress":{"percent":1e999,"message":"\\ud800"}}', '{"progress":{"percent":1e308,"message":"\\u0000"}}'),
    *("[" * 100_000, '{"progress":' + "[" * 900 + "1" + "]" * 900 + "}"),
]
RESULTS = [
    *(b"[" * depth + b"]" * depth for depth in (500, 900, 950, 960, 970, 980, 990, 1000, 5000)),
    *(
        b'{"a":' * 960 + b"1" + b"}" * 960,
        b'"\\ud800"',
        b'"\xff"',
        b"1e999",
        b"NaN",
        b"\x80\x05\x8c\x02\xed\xa0.",
        b"9" * 5000,
    ),
    *(
        b'{"analysisId":"x"}',
        b'{"analysisId":1e999}',
        b"\x80\x05G\x7f\xf0\0\0\0\0\0\0.",
        b"\x80\x05G\x7f\xf8\0\0\0\0\0\0.",
    ),
]


@pytest.fixture(scope="module")
def shared(emptied_redis: Any) -> Iterator[Deployment]:
    with closing(
        Deployment(Settings(redis_url=emptied_redis.url, auth="none", foreign_jobs="read-data", quota_polls=0))
    ) as deployment:
        yield deployment
        deployment.redis.flushall()


def put(deployment: Deployment, fields: dict[str, Any], outcome: dict[str, Any] | None = None) -> None:
    client: Any = deployment.redis
    client.delete(f"rq:job:{JOB}", f"rq:results:{JOB}")
    client.hset(f"rq:job:{JOB}", mapping={"data": "x"} | fields)
    client.pexpire(f"rq:job:{JOB}", TTL_MS)
    if outcome:
        client.xadd(f"rq:results:{JOB}", outcome)
        client.pexpire(f"rq:results:{JOB}", TTL_MS)


def read_everywhere(deployment: Deployment) -> None:
    for name, path in READS.items():
        answer = deployment.get(path.format(id=JOB))
        # It belongs to no project.
        assert answer.status_code == (404 if name == "agent" else 200), (name, answer.text[:300])
        json.loads(answer.text)
    listed = deployment.get(f"/jobs?id={JOB}")
    assert listed.status_code == 200
    assert listed.json()["jobs"][0]["id"] == JOB


@pytest.mark.parametrize("text", TIMES, ids=ascii)
@pytest.mark.parametrize("status", ["queued", "started", "finished", "failed", "scheduled"])
def test_no_time_is_too_odd(shared: Deployment, status: str, text: str) -> None:
    times = ("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat")
    put(shared, {"status": status, **dict.fromkeys(times, text)})
    read_everywhere(shared)


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: ascii(text)[:20])
def test_no_number_is_too_odd(shared: Deployment, text: str) -> None:
    numbers = ("number_of_retries", "retries_left", "retry_intervals")
    for status in ("queued", "started", "finished"):
        put(shared, {"status": status, "started_at": "2026-01-01T00:00:00Z", **dict.fromkeys(numbers, text)})
        read_everywhere(shared)


@pytest.mark.parametrize("number", range(len(METAS)))
def test_no_progress_is_too_odd(shared: Deployment, number: int) -> None:
    put(shared, {"status": "started", "meta": METAS[number]})
    read_everywhere(shared)


@pytest.mark.parametrize("number", range(len(RESULTS)))
def test_no_result_is_too_odd(shared: Deployment, number: int) -> None:
    put(shared, {"status": "finished", "result": RESULTS[number]})
    read_everywhere(shared)
    put(shared, {"status": "finished"}, {"type": "1", "return_value": base64.b64encode(RESULTS[number])})
    read_everywhere(shared)


@pytest.mark.parametrize("in_ms", [2**42, 2**52, 2**53, 2**62, 9_223_370_000_000_000_000])
def test_no_end_is_too_far(shared: Deployment, in_ms: int) -> None:
    put(shared, {"status": "finished"})
    shared.redis.pexpireat(f"rq:job:{JOB}", in_ms)
    read_everywhere(shared)


@pytest.mark.parametrize("score", ["inf", "-inf", "1e308", "-1e308", "1.7e18"])
def test_no_lease_of_rqs_is_too_odd(shared: Deployment, score: str) -> None:
    put(shared, {"status": "started", "origin": "q"})
    shared.redis.zadd("rq:wip:q", {JOB: float(score)})
    read_everywhere(shared)


@pytest.mark.parametrize("depth", [300, 900, 950, 960, 970, 980])
@pytest.mark.parametrize("name", READS)
def test_a_deep_result_of_ours_is_read_in_every_envelope(shared: Deployment, name: str, depth: int) -> None:
    job_id = shared.submit("anything", 1, project=PROJECT_ID)
    deep = b"[" * depth + b"]" * depth
    shared.succeed(job_id, b'{"deep":%s,"analysisId":"%s"}' % (deep, ANALYSIS_ID.encode()))
    assert shared.get(READS[name].format(id=job_id)).status_code == 200


bytes_of_all_kinds = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from([text.encode() for text in (*TIMES, *NUMBERS, *METAS)]),
    st.sampled_from(RESULTS),
    st.integers().map(lambda number: str(number).encode()),
    st.floats().map(lambda number: str(number).encode()),
    st.datetimes().map(lambda at: at.isoformat().encode()),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200).map(zlib.compress),
)
statuses = st.sampled_from([b"queued", b"started", b"finished", b"failed", b"scheduled", b"stopped", b"canceled"])


@hypothesis_settings(max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    fields=st.dictionaries(st.sampled_from(RQ_FIELDS), bytes_of_all_kinds),
    status=statuses | bytes_of_all_kinds,
    outcome=st.dictionaries(
        st.sampled_from(["type", "return_value", "exc_string", "created_at", "x"]),
        bytes_of_all_kinds | bytes_of_all_kinds.map(base64.b64encode) | st.sampled_from([b"1", b"2", b"3", b"5"]),
    ),
)
@example(fields={}, status=b"", outcome={})
def test_no_hash_is_a_500(
    shared: Deployment, fields: dict[str, bytes], status: bytes, outcome: dict[str, bytes]
) -> None:
    put(shared, {**fields, "status": status}, outcome)
    read_everywhere(shared)


BOMB = textwrap.dedent(
    """
    import asyncio, base64, resource, sys, zlib
    from pollable.jobs.foreign_results import Results, traceback_of
    from pollable.settings import Settings

    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(b"x" * 1_000_000) for _ in range(784)) + packer.flush()
    results = Results(Settings(foreign_jobs="read-data"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.argv[1] == "undefended":
        zlib.decompress(bomb)
    else:
        wrapped = base64.b64encode(bomb)
        assert len(traceback_of({b"exc_string": wrapped}, None)) <= 1_048_576
        assert len(traceback_of({}, bomb)) <= 1_048_576
        for outcome, legacy in (({b"type": b"1", b"return_value": wrapped}, None), ({}, bomb)):
            result, error = asyncio.run(results.read(outcome, legacy))
            assert result is None and error.code == "result_unreadable", error
        assert results.progress(bomb) == (None, None)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
)


def test_what_expands_to_hundreds_of_megabytes_is_not_expanded() -> None:
    def megabytes(how: str) -> int:
        command = [sys.executable, "-c", BOMB, how]
        return int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=100).stdout)

    assert megabytes("undefended") > 700
    assert megabytes("defended") < 32
