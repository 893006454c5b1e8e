"""The verbs of the API: what each does, needs, counts against and answers."""

from collections.abc import Callable

import msgspec
from starlette.types import Scope

from pollable.envelopes.envelope import Bucket, Verb
from pollable.http import events, handlers
from pollable.http.handlers import Handler


class Action(msgspec.Struct, frozen=True):
    """One verb; what it answers is in `described`.

    `scope` is what the caller's token must have, `cost` is for how many requests one counts where so many are let in
    at most.
    """

    handler: Handler
    scope: str
    bucket: Bucket
    summary: str
    cost: Callable[[Scope, int], int] = lambda *_: 1


_READ, _WRITE = ("jobs:read", Bucket.READS), ("jobs:write", Bucket.WRITES)

_EVENTS = "Follow a job until it has ended; 204 for who has seen its end"
_CANCEL = "Cancel a job; 202 while a running one is being stopped"
_LIST = "List the caller's jobs, newest first, or read many by their ids"
ACTIONS = {
    Verb.SUBMIT: Action(handlers.submit, *_WRITE, "Submit a job of any type"),
    Verb.CANCEL: Action(handlers.cancel, *_WRITE, _CANCEL),
    Verb.RERUN: Action(handlers.rerun, *_WRITE, "Run an ended job again, as a new job"),
    Verb.DELETE: Action(handlers.delete, *_WRITE, "Forget an ended job"),
    Verb.LIST: Action(handlers.list_jobs, *_READ, _LIST, cost=handlers.jobs_listed),
    Verb.RESULT: Action(handlers.result, *_READ, "Read a job's result alone"),
    Verb.EVENTS: Action(events.of_job, "jobs:read", Bucket.POLLS, _EVENTS),
    Verb.FEED: Action(events.of_owner, *_READ, "Follow all of the caller's jobs"),
    Verb.TYPES: Action(handlers.job_types, *_READ, "The job types with their schemas"),
}
