"""A deployment's own envelope whose refusals set headers."""

import msgspec

from pollable.envelopes.answer import Answer
from pollable.envelopes.envelope import Envelope
from pollable.errors import ServiceError
from pollable.model import Job


class Terse(Envelope):
    name = "terse"
    read_path = "/t/{id}"

    def render(self, job: Job) -> bytes:
        return msgspec.json.encode(job.state)

    def refusal(self, error: ServiceError) -> Answer:
        headers = ((b"Content-Language", b"en"), (b"Allow", b"nothing"))
        return Answer(error.status, b'"%d"' % error.status, retry_after_s=7, headers=headers)


envelope = Terse()
