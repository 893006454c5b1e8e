"""A deployment's own envelope, in one file."""

import msgspec

from pollable.envelopes.envelope import Envelope
from pollable.envelopes.outcome import result_of
from pollable.model import Job


class Compact(Envelope):
    name = "compact"
    read_path = "/c/{id}"

    def render(self, job: Job) -> bytes:
        return msgspec.json.encode({"s": job.state[0], "r": result_of(job)})


envelope = Compact()
