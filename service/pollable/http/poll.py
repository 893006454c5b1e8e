"""The hot route: reading one job. A plain ASGI callable, one Redis round trip at most, shared with other polls."""

import re

from starlette.types import Receive, Scope, Send

from pollable.auth.authenticator import Authenticator, require
from pollable.envelopes.answer import Answer
from pollable.envelopes.envelope import Envelope
from pollable.errors import InvalidParameter, ServiceError
from pollable.http.fields import query
from pollable.http.problems import ENVELOPE
from pollable.http.replies import limited, refused, send_read
from pollable.jobs.reading import JobReader
from pollable.model import Job
from pollable.storage.quotas import Quota, Verdict

# An id as nearly every caller writes it, with nothing to decode (RFC 3986, section 2.3).
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")


class Poll:
    """`GET` of one job in one envelope."""

    def __init__(
        self, envelope: Envelope, *, reader: JobReader, authenticator: Authenticator, quota: Quota | None
    ) -> None:
        self._envelope = envelope
        self._reader = reader
        self._authenticator = authenticator
        self._quota = quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        principal = self._authenticator.remembered(authorization)
        if principal is None:
            principal = await self._authenticator.authenticate(authorization)
        require(principal, "jobs:read")
        owner, caller = principal.visible_owner, principal.owner
        found, verdict = await self._reader.poll(self._job_id(scope), owner=owner, quota=self._quota, caller=caller)
        answer = limited(self._answer(scope[ENVELOPE], found, verdict), self._quota, verdict)
        await send_read(scope, send, answer, if_none_match=headers.get(b"if-none-match"))

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
