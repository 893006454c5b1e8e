"""Jobs of somebody else, asked for by every verb, by odd ids, and through lists, of a running server."""

from typing import Any
from urllib.parse import unquote

import pytest
from rq.exceptions import NoSuchJobError
from rq.job import Job

from pollable.serializer import JSON
from tests.security.served import Answer, Served
from tests.security.two_owners import ANN, EVE

READS = {
    "plain": "/job_status?job_id={}",
    "record": "/api/jobs/{}",
    "minimal": "/api/v1/jobs/{}",
    "managed": "/v1/api/jobs/{}",
    "agent": "/api/agent/jobs/{}",
    "native": "/jobs/{}",
}
VERBS = {
    "cancel": ("POST", "/jobs/{}/cancel"),
    "rerun": ("POST", "/jobs/{}/rerun"),
    "delete": ("DELETE", "/jobs/{}"),
    "result": ("GET", "/jobs/{}/result"),
    "batch": ("GET", "/jobs?id={}"),
    "managed cancel": ("POST", "/v1/api/jobs/{}/cancel"),
    "managed rerun": ("POST", "/v1/api/jobs/{}/rerun"),
}
NEVER_WAS = "01a201d1-0000-7000-8000-000000000000"


def shown(answer: Answer) -> Any:
    """All but what differs from one answer to the next by nature."""
    by_nature = ("x-request-id", "date", "ratelimit")
    return answer.status, {k: v for k, v in answer.headers.items() if k not in by_nature}, answer.body


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("state", ["queued", "succeeded"])
def test_no_page_shows_a_job_of_somebody_else(served: Served, name: str, state: str) -> None:
    job_id = served.submit(token=ANN)
    if state == "succeeded":
        served.succeed(job_id)
    path = READS[name]
    assert shown(served.ask("GET", path.format(job_id), token=EVE)) == shown(
        served.ask("GET", path.format(NEVER_WAS), token=EVE)
    )
    # The control: to its owner it is there.
    assert shown(served.ask("GET", path.format(job_id), token=ANN)) != shown(
        served.ask("GET", path.format(NEVER_WAS), token=ANN)
    )


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("state", ["queued", "succeeded"])
def test_no_verb_does_anything_to_a_job_of_somebody_else(served: Served, name: str, state: str) -> None:
    job_id = served.submit(token=ANN)
    if state == "succeeded":
        served.succeed(job_id)
    method, path = VERBS[name]
    before, record = served.waiting(), served.redis.hgetall(f"rq:pollable:job:{job_id}")
    theirs, none = (served.ask(method, path.format(each), token=EVE) for each in (job_id, NEVER_WAS))
    assert shown(theirs) == shown(none)
    assert (served.waiting(), served.redis.hgetall(f"rq:pollable:job:{job_id}")) == (before, record)
    # The control: the owner is answered otherwise, be it that the job is in the wrong state for it.
    assert shown(served.ask(method, path.format(job_id), token=ANN)) != shown(none)


IDS: dict[str, str] = {
    "up and out": "../../openapi.json",
    "encoded slashes": "..%2f..%2fopenapi.json",
    "encoded twice": "%252e%252e%252fopenapi.json",
    "backslashes": "..%5c..%5copenapi.json",
    "NUL": "%00",
    "NUL behind an id": "{ann}%00",
    "line break": "{ann}%0d%0aX-Injected:%201",
    "blank in front": "%20{ann}",
    "blank behind": "{ann}%20",
    "in upper case with more behind": "{ANN}0",
    "full-width digits": "%EF%BC%90%EF%BC%91",
    "not UTF-8": "%ff%fe",
    "overlong UTF-8": "%c0%ae%c0%ae",
    "encoded surrogate": "%ed%a0%80",
    "wildcard": "*",
    "pattern": "[0-9a-f]*",
    "parameter of a path": "{ann};a=b",
    "RQ's key": "rq:job:{ann}",
    "our key": "rq:pollable:job:{ann}",
    "key of a token": "rq:pollable:token:{token}",
    "token beside jobs": "..:token:{token}",
    "an execution of it, as RQ splits ids": "{ann}:1",
    "the executions": "{ann}:executions",
    "intermediate list": "pollable:intermediate",
    "leases": "leases",
    "5000 characters": "a" * 5000,
    "5000 colons": ":" * 5000,
    "braces": "%7B{ann}%7D",
    "as a list": "[%22{ann}%22]",
    "script": "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "Lua": "%5D%5D%20redis.call('FLUSHALL')%20--",
    "SQL": "'%20OR%20'1'='1",
    "template": "${{7*7}}{{{{7*7}}}}",
    "empty": "",
}


def lasting(served: Served) -> set[bytes]:
    """The keys without those that come and go of themselves: what is left of quotas, and bells that were rung."""
    passing = (b"rq:pollable:limit:", b"rq:pollable:bell:")
    return {key for key in served.redis.scan_iter() if not key.startswith(passing)}


@pytest.mark.parametrize("name", IDS)
def test_an_odd_id_names_nothing(served: Served, name: str) -> None:
    job_id = served.job_of(ANN)
    (key,) = served.redis.scan_iter("rq:pollable:token:*")
    given = IDS[name].format(ann=job_id, ANN=job_id.upper(), token=key.decode().rpartition(":")[2])
    keys = lasting(served)
    for page, path in READS.items():
        answer = served.ask("GET", path.format(given), token=EVE)
        assert answer.status in ((200,) if page == "plain" else (404, 307, 200) if name == "empty" else (404,)), page
        if page == "plain":
            assert answer.json == {"status": None}
        assert "x-injected" not in answer.headers
        assert job_id.encode() not in answer.body
        assert b"<script" not in answer.body
    for method, path in VERBS.values():
        answer = served.ask(method, path.format(given), token=EVE)
        assert answer.status in (200, 400, 404, 405)
        assert job_id.encode() not in answer.body
    assert (lasting(served), served.state(job_id)) == (keys, "queued")


def test_what_rq_itself_makes_of_such_an_id(served: Served) -> None:
    # The control: RQ's fetch takes all that is in front of a colon for the id.
    assert Job.fetch("abc:executions", connection=served.redis, serializer=JSON).id.startswith("abc")
    with pytest.raises(NoSuchJobError):
        Job.fetch("abd:executions", connection=served.redis, serializer=JSON)
    assert served.ask("GET", "/jobs/abc", token=EVE).status == 200
    assert served.ask("GET", "/jobs/abc:executions", token=EVE).status == 404
    assert unquote(IDS["encoded slashes"]) == "../../openapi.json"


@pytest.mark.parametrize(
    "query",
    [
        *(
            "owner=ann",
            "owner=*",
            "admin=true",
            "all=1",
            "limit=0",
            "limit=-1",
            "limit=1e9",
            "limit=99999999999999999999",
        ),
        *("cursor=x", "cursor=%00", "cursor=..%2f", "cursor=" + "9" * 5_000, "status=nothing", "status=*", "label.=x"),
        *("label=x", "type=%00", "id=" + "&id=".join(["x"] * 101), "limit=1&limit=2", "cursor=%2Binf&limit=1"),
    ],
    ids=lambda query: query[:30],
)
def test_no_query_lists_what_is_not_the_callers_own(served: Served, query: str) -> None:
    job_id = served.job_of(ANN)
    answer = served.ask("GET", f"/jobs?{query}", token=EVE)
    assert answer.status in ((403,) if query.startswith("owner=") else (200, 400)), answer.body
    assert job_id.encode() not in answer.body
    assert served.ask("GET", "/jobs?limit=100", token=ANN).status == 200


def test_a_cursor_of_somebody_else_leads_nowhere_else(served: Served) -> None:
    ids = {served.submit(token=ANN) for _ in range(3)}
    cursor = served.ask("GET", "/jobs?limit=1", token=ANN).json["cursor"]
    assert cursor
    assert not ids & {job["id"] for job in served.ask("GET", f"/jobs?cursor={cursor}", token=EVE).json["jobs"]}
    # The control: to its owner it goes on.
    assert ids & {job["id"] for job in served.ask("GET", f"/jobs?cursor={cursor}", token=ANN).json["jobs"]}
