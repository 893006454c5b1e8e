"""The hot route: reading one job. A plain ASGI callable, one Redis round trip at most, shared with other polls."""

import re
import time
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from service.auth import Authenticator, require
from service.envelopes import Envelope
from service.envelopes.answer import Answer
from service.errors import InvalidParameter, JobExpired, JobNotFound
from service.http.callers import visible_to
from service.http.replies import send_read
from service.limits import Quota
from service.model import Job
from service.store import Store

# An id as nearly every caller writes it, with nothing to decode (RFC 3986, section 2.3).
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")


class Poll:
    """`GET` of one job in one envelope."""

    def __init__(self, envelope: Envelope, *, store: Store, authenticator: Authenticator, quota: Quota | None) -> None:
        self._envelope = envelope
        self._store = store
        self._authenticator = authenticator
        self._quota = quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        principal = self._authenticator.remembered(authorization)
        if principal is None:
            principal = await self._authenticator.authenticate(authorization)
        require(principal, "jobs:read")
        answer = await self._answer(self._job_id(scope), visible_to(principal))
        await send_read(scope, send, answer, if_none_match=headers.get(b"if-none-match"))

    async def _answer(self, job_id: str, owner: str | None) -> Answer:
        try:
            job = await self._store.read(job_id, owner=owner, quota=self._quota)
            return Answer(200, self._envelope.render(job), headers=self._retry_after(job))
        except (JobNotFound, JobExpired) as error:
            answer = self._envelope.refusal(error)
            if answer.status != 200:
                raise
            return answer

    def _retry_after(self, job: Job) -> tuple[tuple[bytes, bytes], ...]:
        if job.state.is_final:
            return ()
        age_s = time.time() - job.created_at / 1000
        return ((b"retry-after", b"%d" % self._envelope.poll_interval_s(age_s)),)

    def _job_id(self, scope: Scope) -> str:
        parameter = self._envelope.id_parameter
        if parameter is None:
            return str(scope["path_params"]["id"])
        query: str = scope["query_string"].decode("latin-1")
        name, _, value = query.partition("=")
        if name == parameter and _UNRESERVED.fullmatch(value):
            return value
        given = parse_qs(query).get(parameter)
        if given is None:
            raise InvalidParameter(f"The query parameter `{parameter}` is required.")
        return str(given[0])
