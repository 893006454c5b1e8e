"""A deployment's own envelope whose bodies name paths."""

import copy
from typing import Self

import msgspec

from pollable.envelopes.envelope import Envelope, Route, Verb
from pollable.model import Job


class Linked(Envelope):
    name = "linked"
    read_path = "/l/{id}"
    routes = (Route("GET", "/l", Verb.LIST),)
    prefix = ""

    def under(self, prefix: str) -> Self:
        placed = copy.copy(self)
        placed.prefix = prefix
        return placed

    def render(self, job: Job) -> bytes:
        return msgspec.json.encode({"me": f"{self.prefix}/l/{job.id}"})


envelope = Linked()
