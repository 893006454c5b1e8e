"""The requests that a client makes, in the words of the `native` envelope."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import inf
from typing import TypedDict
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec

from pollable.client.steps import Request

# How long an answer may take that is not held back, and how much longer than its reader has.
ANSWER_S, GRACE_S = 10.0, 1.0
# How long a stream may be quiet while nothing happens.
QUIET_S = 60.0
# RFC 9651, section 3.3.3: what a String may hold.
_KEY = re.compile(r"[ -~]{1,255}")


class Options(TypedDict, total=False):
    """What may be said of a submit; `delay` is in seconds, `run_at` has a time zone."""

    queue: str | None
    delay: float | None
    run_at: datetime | None
    labels: Mapping[str, str] | None
    idempotency_key: str | None


class Order(msgspec.Struct, frozen=True):
    """A submit: its body, and the key under which it makes one job however often it is sent."""

    body: bytes
    key: str


def order(type_: str, payload: object, options: Options) -> Order:
    """Raises TypeError for a payload that is no JSON, ValueError for a key that is none."""
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        known = ", ".join(Options.__annotations__)
        raise TypeError(f"A submit has no {', '.join(sorted(unknown))}; it may have {known}.")
    members = {"queue": "queue", "delay": "delay", "run_at": "runAt", "labels": "labels"}
    said = {members[name]: value for name, value in options.items() if name in members and value is not None}
    body = msgspec.json.encode({"type": type_, "payload": payload, **said})
    return Order(body, options.get("idempotency_key") or str(uuid4()))


def submit(order: Order, *, held_s: int = 0) -> Request:
    """A job; with `held_s` the answer may be held back until it has ended."""
    headers = {"content-type": "application/json", **_once(order.key), **_prefer(held_s)}
    return Request(method="POST", path="/jobs", body=order.body, headers=headers, timeout_s=ANSWER_S + held_s)


def read(job_id: str, *, held_s: int = 0, left_s: float = inf) -> Request:
    """The job as it is; with `held_s` the answer may be held back so long. Its reader has `left_s`."""
    timeout_s = min(ANSWER_S + held_s, left_s + GRACE_S)
    return Request(path=job_path(job_id), headers=_prefer(held_s), timeout_s=timeout_s)


def cancel(job_id: str) -> Request:
    """The job's end."""
    return Request(method="POST", path=f"{job_path(job_id)}/cancel")


def rerun(job_id: str) -> Request:
    """The job as a new one, the same however often this request is sent."""
    return Request(method="POST", path=f"{job_path(job_id)}/rerun", headers=_once(str(uuid4())))


def events(job_id: str) -> Request:
    """The job's stream of events."""
    return Request(path=f"{job_path(job_id)}/events", headers={"accept": "text/event-stream"}, timeout_s=QUIET_S)


Query = list[tuple[str, str]]


def page_query(status: str | Iterable[str], type_: str | Iterable[str], labels: Mapping[str, str]) -> Query:
    """What narrows a list; an iterator is gone through once, however many pages there are."""
    query = [("status", word) for word in _several(status)]
    query += [("type", name) for name in _several(type_)]
    return query + [(f"label.{name}", value) for name, value in labels.items()]


def page(query: Query, *, cursor: str | None) -> Request:
    """Some of the caller's jobs."""
    complete = query if cursor is None else [*query, ("cursor", cursor)]
    return Request(path=f"/jobs?{urlencode(complete)}" if complete else "/jobs")


def job_path(job_id: str) -> str:
    """Where the job is read. Raises ValueError for an id that would be another path."""
    if not job_id.strip("."):
        raise ValueError(f"{job_id!r} is no job's id.")
    return f"/jobs/{quote(job_id, safe='')}"


def _once(key: str) -> dict[str, str]:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no idempotency key: 1 to 255 printable ASCII characters.")
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return {"idempotency-key": f'"{escaped}"'}


def _prefer(held_s: int) -> dict[str, str]:
    return {"prefer": f"wait={held_s}"} if held_s else {}


def _several(given: str | Iterable[str]) -> Iterable[str]:
    return (given,) if isinstance(given, str) else given
