"""The hot route: reading one job. A plain ASGI callable, one Redis round trip at most, shared with other polls."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic

from starlette.types import Receive, Scope, Send

from pollable.auth.authenticator import require
from pollable.envelopes.answer import Answer
from pollable.envelopes.envelope import Bucket, Envelope
from pollable.errors import InvalidParameter, QuotaExceeded, ServiceError
from pollable.http import tags
from pollable.http.fields import query, wait_s
from pollable.http.forwarded import PREFIX
from pollable.http.kept import Key
from pollable.http.leaving import while_there
from pollable.http.problems import ENVELOPE
from pollable.http.replies import Reply, etag_of, is_known, limited, ready, refused, send_read, with_wait
from pollable.http.services import Services
from pollable.http.shared import Shared
from pollable.jobs.reading import AT_HAND
from pollable.model import Job
from pollable.storage.quotas import Verdict

# An id as nearly every caller writes it, with nothing to decode (RFC 3986, section 2.3).
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")

Found = Job | ServiceError | None
Ask = Callable[..., Awaitable[tuple[Found, Verdict | None]]]
"""`JobReader.poll` of one job and caller; the quota is still to be said, and what the caller knows."""


class Poll:
    """`GET` of one job in one envelope."""

    def __init__(self, envelope: Envelope, services: Services) -> None:
        self._envelope = envelope
        self._services = services
        self._quota = services.quota(Bucket.POLLS, envelope=envelope)
        self._shared = Shared[Reply]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        authenticator = self._services.authenticator
        principal = authenticator.remembered(authorization) or await authenticator.authenticate(authorization)
        require(principal, "jobs:read")
        envelope: Envelope = scope[ENVELOPE]
        if_none_match = headers.get(b"if-none-match")
        key = (self._envelope.name, scope[PREFIX], principal.visible_owner, self._job_id(scope))
        ask: Ask = partial(self._services.reader.poll, key[3], owner=key[2], caller=principal.owner)
        try:
            if wait := wait_s(scope) if b"prefer" in headers else 0:
                with self._services.waiting.place(key[3], owner=principal.owner) as woken:
                    held = self._held(ask, envelope, woken, known=if_none_match, wait=wait)
                    found, verdict, wait = await while_there(receive, held)
                answer = self._answer(envelope, found, verdict, edition=tags.edition(type(envelope), key[1]))
                reply = limited(ready(with_wait(answer, wait) if wait else answer), self._quota, verdict)
            else:
                reply = await self._now(ask, envelope, key, if_none_match)
        except QuotaExceeded:
            await self._services.refusals.pause(principal.owner)
            raise
        await send_read(scope, send, reply, if_none_match=if_none_match)

    async def _now(self, ask: Ask, envelope: Envelope, key: Key, if_none_match: bytes | None) -> Reply:
        kept, read = self._services.kept.get(key), partial(self._read, ask, envelope, key, if_none_match)
        if self._quota is None:
            # Whoever comes before Redis is asked gets what is then read.
            return kept or await self._shared.get((key, if_none_match, self._services.reader.calls), read)
        if kept is None:
            return await read()
        _, verdict = await ask(quota=self._quota, beside=AT_HAND)
        return limited(kept, self._quota, verdict)

    async def _read(self, ask: Ask, envelope: Envelope, key: Key, if_none_match: bytes | None) -> Reply:
        asked_at, edition = monotonic(), tags.edition(type(envelope), key[1])
        known = tags.known(edition, if_none_match or b"")
        found, verdict = await ask(quota=self._quota, beside=("1" if envelope.foretells else "0", known))
        reply = ready(self._answer(envelope, found, verdict, edition=edition, known=known))
        if isinstance(found, Job):
            self._services.kept.put(key, reply, found, asked_at=asked_at)
        return limited(reply, self._quota, verdict)

    async def _held(
        self, ask: Ask, envelope: Envelope, woken: asyncio.Event | None, *, known: bytes | None, wait: int
    ) -> tuple[Found, Verdict | None, int]:
        """The job in another state, or other than `known`, or after `wait`; how long that could be."""
        # A wait counts as one poll.
        look = partial(ask, beside=("1" if envelope.foretells else "0", ""))
        found, verdict = await look(quota=self._quota)
        if woken is None or not isinstance(found, Job):
            return found, verdict, 0
        state, body = found.state, envelope.render(found)
        # What has not ended is told apart by its body.
        shown = known or etag_of(body)
        if state.is_final or not is_known(body, shown):
            return found, verdict, wait
        # Thousands may wait, each with what is left here.
        del found, body

        def is_enough(found: Found) -> bool:
            if not isinstance(found, Job) or found.state.is_final:
                return True
            # Some envelopes have one word for two states.
            return (known is not None or found.state is not state) and not is_known(envelope.render(found), shown)

        async def look_again() -> Found:
            return (await look(quota=None))[0]

        until = self._services.waiting.until
        return await until(woken, look_again, is_enough=is_enough, wait_s=wait), verdict, wait

    def _answer(
        self, envelope: Envelope, found: Found, verdict: Verdict | None, *, edition: bytes, known: str = ""
    ) -> Answer:
        if found is None:
            answer = Answer(304, b"", etag=b'"%s-%s"' % (edition, known.encode()))
        elif isinstance(found, Job):
            retry_after_s, etag = envelope.retry_after_s(found), tags.etag(edition, found)
            answer = Answer(200, envelope.render(found), retry_after_s=retry_after_s, etag=etag)
        else:
            answer = envelope.refusal(found)
            if answer.status != 200:
                raise refused(found, self._quota, verdict)
        return answer

    def _job_id(self, scope: Scope) -> str:
        parameter = self._envelope.id_parameter
        if parameter is None:
            return str(scope["path_params"]["id"])
        name, _, value = scope["query_string"].decode("latin-1").partition("=")
        if name == parameter and _UNRESERVED.fullmatch(value):
            return str(value)
        given = query(scope).get(parameter)
        if given is None:
            raise InvalidParameter(f"The query parameter `{parameter}` is required.")
        return given[0]
