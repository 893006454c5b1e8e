"""The hot route: reading one job. A plain ASGI callable, one Redis round trip at most, shared with other polls."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import Receive, Scope, Send

from pollable.auth.authenticator import require
from pollable.envelopes.answer import Answer
from pollable.envelopes.envelope import Bucket, Envelope
from pollable.errors import InvalidParameter, ServiceError
from pollable.http.fields import query, wait_s
from pollable.http.leaving import while_there
from pollable.http.problems import ENVELOPE
from pollable.http.replies import etag_of, is_known, limited, refused, send_read, with_wait
from pollable.http.services import Services
from pollable.model import Job
from pollable.storage.quotas import Verdict

# An id as nearly every caller writes it, with nothing to decode (RFC 3986, section 2.3).
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")

Ask = Callable[..., Awaitable[tuple[Job | ServiceError, Verdict | None]]]
"""`JobReader.poll` of one job and caller; the quota is still to be said."""


class Poll:
    """`GET` of one job in one envelope."""

    def __init__(self, envelope: Envelope, services: Services) -> None:
        self._envelope = envelope
        self._reader, self._waiting = services.reader, services.waiting
        self._authenticator = services.authenticator
        self._quota = services.quota(Bucket.POLLS, envelope=envelope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        principal = self._authenticator.remembered(authorization)
        if principal is None:
            principal = await self._authenticator.authenticate(authorization)
        require(principal, "jobs:read")
        owner, caller, envelope = principal.visible_owner, principal.owner, scope[ENVELOPE]
        ask: Ask = partial(self._reader.poll, self._job_id(scope), owner=owner, caller=caller)
        known, wait = headers.get(b"if-none-match"), wait_s(scope) if b"prefer" in headers else 0
        if wait:
            with self._waiting.place(self._job_id(scope), owner=caller) as woken:
                held = self._held(ask, envelope, woken, known=known, wait=wait)
                found, verdict, wait = await while_there(receive, held)
        else:
            found, verdict = await ask(quota=self._quota)
        answer = limited(self._answer(envelope, found, verdict), self._quota, verdict)
        await send_read(scope, send, with_wait(answer, wait) if wait else answer, if_none_match=known)

    async def _held(
        self, ask: Ask, envelope: Envelope, woken: asyncio.Event | None, *, known: bytes | None, wait: int
    ) -> tuple[Job | ServiceError, Verdict | None, int]:
        """The job in another state, or other than `known`, or after `wait`; how long that could be."""
        found, verdict = await ask(quota=self._quota)
        if woken is None or not isinstance(found, Job):
            return found, verdict, 0
        state, body = found.state, envelope.render(found)
        shown = known or etag_of(body)
        if state.is_final or not is_known(body, shown):
            return found, verdict, wait
        # Thousands may wait, each with what is left here.
        del found, body

        def is_enough(found: Job | ServiceError) -> bool:
            if not isinstance(found, Job) or found.state.is_final:
                return True
            # Some envelopes have one word for two states.
            return (known is not None or found.state is not state) and not is_known(envelope.render(found), shown)

        async def look() -> Job | ServiceError:
            # A wait counts as one poll.
            return (await ask(quota=None))[0]

        return await self._waiting.until(woken, look, is_enough=is_enough, wait_s=wait), verdict, wait

    def _answer(self, envelope: Envelope, found: Job | ServiceError, verdict: Verdict | None) -> Answer:
        if isinstance(found, Job):
            return Answer(200, envelope.render(found), retry_after_s=envelope.retry_after_s(found))
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
