"""The verbs of the API: what each does, needs, counts against and answers."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.types import Scope

from pollable.envelopes.envelope import Bucket, Shapes, Verb
from pollable.http import events, handlers
from pollable.http.handlers import Handler


class Action(msgspec.Struct, frozen=True):
    """One verb.

    `scope` is what the caller's token must have, `statuses` are those of success, `shape` picks the type of the
    answer's body (None: there is no body), `cost` is for how many requests one counts where so many are let in at most.
    """

    handler: Handler
    scope: str
    bucket: Bucket
    summary: str
    statuses: tuple[int, ...] = (200,)
    shape: Callable[[Shapes], Any] = lambda _: Any
    cost: Callable[[Scope, int], int] = lambda *_: 1
    media_type: str = "application/json"


_READ, _WRITE = ("jobs:read", Bucket.READS), ("jobs:write", Bucket.WRITES)


def _job(shapes: Shapes) -> Any:
    return shapes.read


def _new_job(shapes: Shapes) -> Any:
    return shapes.accepted


_STREAM: Any = {"shape": lambda _: str, "media_type": events.MEDIA_TYPE}
_EVENTS = "Follow a job until it has ended; 204 for who has seen its end"
_CANCEL = "Cancel a job; 202 while a running one is being stopped"
_LIST = "List the caller's jobs, newest first, or read many by their ids"
ACTIONS = {
    Verb.SUBMIT: Action(handlers.submit, *_WRITE, "Submit a job of any type", (202,), _new_job),
    Verb.CANCEL: Action(handlers.cancel, *_WRITE, _CANCEL, (200, 202), _job),
    Verb.RERUN: Action(handlers.rerun, *_WRITE, "Run an ended job again, as a new job", (202,), _new_job),
    Verb.DELETE: Action(handlers.delete, *_WRITE, "Forget an ended job", (204,), lambda _: None),
    Verb.LIST: Action(handlers.list_jobs, *_READ, _LIST, cost=handlers.jobs_listed),
    Verb.RESULT: Action(handlers.result, *_READ, "Read a job's result alone"),
    Verb.EVENTS: Action(events.of_job, "jobs:read", Bucket.POLLS, _EVENTS, (200, 204), **_STREAM),
    Verb.FEED: Action(events.of_owner, *_READ, "Follow all of the caller's jobs", **_STREAM),
    Verb.TYPES: Action(handlers.job_types, *_READ, "The job types with their schemas"),
}
