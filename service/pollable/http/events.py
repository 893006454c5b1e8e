"""Server-sent events (WHATWG HTML, section 9.2): one job until it has ended, or all jobs of a caller."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from pollable.envelopes.answer import Answer
from pollable.errors import JobExpired, JobNotFound, ServiceError, StoreUnavailable, TooManyWaiting
from pollable.http.handlers import LISTED, Call
from pollable.http.leaving import while_there
from pollable.model import Job

MEDIA_TYPE = "text/event-stream"
ALIVE_S = 15.0
"""So often something is said: nginx hangs up on an answer that is silent for 60 s, Heroku's router for 55 s."""
AGAIN_S = 15.0
"""So often those of a caller's jobs that go on are looked at anew: a message may be lost, a job become due."""
READ_AT_ONCE = 100
REMEMBERED = 200
RETRY = b"retry: 2000\n\n"
ALIVE = b": alive\n\n"
END = b"event: end\ndata: {}\n\n"

Pieces = AsyncGenerator[bytes, None]


class Stream(Answer, frozen=True, kw_only=True):
    """An answer that goes on: `body` is its beginning."""

    rest: Any
    """`Pieces`"""

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until it ends. Raises `ClientDisconnect` once the caller is gone."""
        await while_there(receive, self._send(scope, send))

    async def _send(self, scope: Scope, send: Send) -> None:
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"cache-control", b"no-store"),
            (b"vary", b"Authorization"),
            # nginx then passes on each event as it comes, whatever it is set to.
            (b"x-accel-buffering", b"no"),
            *self.headers,
        ]
        async with aclosing(self.rest) as rest:
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            if scope["method"] != "HEAD":
                await send({"type": "http.response.body", "body": self.body, "more_body": True})
                # Whoever comes again is told what is wrong.
                with suppress(ServiceError):
                    async for piece in rest:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def of_job(call: Call) -> Answer:
    """The job as it is, each change, the end. 204 for who has seen the end: it stops an `EventSource`."""
    return await _begun(_job(call))


async def of_owner(call: Call) -> Answer:
    """The caller's newest jobs, then each change of any, without an end."""
    return await _begun(_jobs(call))


async def _begun(pieces: Pieces) -> Answer:
    # What is to be refused is refused before there is a first piece.
    first = await anext(pieces, None)
    return Answer(204, b"") if first is None else Stream(200, first, rest=pieces)


async def _job(call: Call) -> Pieces:
    told = call.headers.get(b"last-event-id", b"").decode("latin-1")
    read = partial(call.services.reader.read, call.job_id, owner=call.principal.visible_owner)
    with _place(call, call.job_id) as woken:
        job = await read()
        if job.state.is_final and _name(call.envelope.render(job)) == told:
            return
        yield RETRY
        async for is_due in _beats(call, woken):
            if is_due:
                yield ALIVE
                continue
            # Redis is away: something happens once it is back.
            with suppress(StoreUnavailable):
                try:
                    job = await read()
                except (JobNotFound, JobExpired):
                    yield END
                    return
            body = call.envelope.render(job)
            if _name(body) != told:
                told = _name(body)
                yield _event("job", body, named=told)
            if job.state.is_final:
                yield END
                return


async def _jobs(call: Call) -> Pieces:
    with _place(call, "") as woken, call.services.feeds.of(call.principal.owner, woken) as changed:
        told = _Told(call)
        yield RETRY + await told.newest()
        async for is_due in _beats(call, woken):
            if is_due:
                yield ALIVE
                continue
            ids = list(changed)
            changed.clear()
            try:
                if None in ids:
                    yield await told.newest()
                async for event in told.news([job_id for job_id in ids if job_id]):
                    yield event
            except StoreUnavailable:
                # Something happens once it is back.
                changed[None] = None


class _Told:
    """What one caller was told of all its jobs."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._page = b""
        # The latest, as they were told, and whether they go on.
        self._told: dict[str, tuple[str, bool]] = {}
        self._looked_at = monotonic()

    async def newest(self) -> bytes:
        """The beginning of the list; empty where that is what was told last."""
        services, envelope = self._call.services, self._call.envelope
        listed = await services.lister.page(owner=self._call.principal.owner, limit=LISTED)
        page = envelope.page(listed.jobs, listed.cursor)
        if page == self._page:
            return b""
        self._page = page
        for job in reversed(listed.jobs):
            self._note(job, self._body(job))
        return _event("jobs", page)

    async def news(self, ids: list[str]) -> AsyncIterator[bytes]:
        """These jobs, and now and then those that went on when they were told last, if they are others by now."""
        if monotonic() - self._looked_at >= AGAIN_S:
            self._looked_at = monotonic()
            ids = list(dict.fromkeys([*ids, *(job_id for job_id, (_, goes_on) in self._told.items() if goes_on)]))
        for at in range(0, len(ids), READ_AT_ONCE):
            some = ids[at : at + READ_AT_ONCE]
            jobs = await self._call.services.reader.read_many(some, owner=self._call.principal.owner)
            for job_id, job in zip(some, jobs, strict=True):
                if job is None:
                    self._told.pop(job_id, None)
                    yield _event("gone", msgspec.json.encode({"id": job_id}))
                elif self._note(job, body := self._body(job)):
                    yield _event("job", body)

    def _body(self, job: Job) -> bytes:
        """As in the list."""
        page = self._call.envelope.page([msgspec.structs.replace(job, result=None)], None)
        return bytes(msgspec.json.decode(page, type=_Page).jobs[0])

    def _note(self, job: Job, body: bytes) -> bool:
        """Whether it is news."""
        told = _name(body), not job.state.is_final
        is_news = self._told.pop(job.id, None) != told
        self._told[job.id] = told
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        return is_news


class _Page(msgspec.Struct):
    jobs: list[msgspec.Raw]


@contextmanager
def _place(call: Call, job_id: str) -> Iterator[asyncio.Event]:
    with call.services.waiting.place(job_id, owner=call.principal.owner) as woken:
        if woken is None:
            raise TooManyWaiting("As many wait as may wait; poll instead, or ask again later.")
        # The beginning is told at once.
        woken.set()
        yield woken


async def _beats(call: Call, woken: asyncio.Event) -> AsyncIterator[bool]:
    """True when something is to be said, whatever it is; False when something happened. Ends when the stream is to."""
    clock, waiting, task = asyncio.get_running_loop().time, call.services.waiting, asyncio.current_task()
    due = clock() + ALIVE_S
    # `asyncio.wait_for` of Python 3.11, of which redis-py makes use, may lose a cancellation: the caller is gone.
    while not waiting.is_over and not (task and task.cancelling()):
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await woken.wait()
        if clock() >= due:
            due = clock() + ALIVE_S
            if not await _is_still_let_in(call):
                return
            yield True
        elif not waiting.is_over:
            woken.clear()
            yield False


async def _is_still_let_in(call: Call) -> bool:
    # A token ends, or is taken back, while its bearer listens.
    try:
        await call.services.authenticator.authenticate(call.headers.get(b"authorization"))
    except StoreUnavailable:
        return True
    except ServiceError:
        return False
    return True


def _event(kind: str, body: bytes, *, named: str = "") -> bytes:
    # A line break between the parts of a result that other code wrote would end the line; within a text there is none.
    data = body.replace(b"\r", b" ").replace(b"\n", b" ")
    said = f"id: {named}\n" if named else ""
    return f"event: {kind}\n{said}".encode() + b"data: " + data + b"\n\n"


def _name(body: bytes) -> str:
    """Of what was told, the same whenever the same is told."""
    return hashlib.blake2b(body, digest_size=8).hexdigest()
