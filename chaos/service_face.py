"""What the poller reads of the service."""

from collections.abc import Sequence

import msgspec

from chaos.calling import Caller
from chaos.poller import Seen


class Shown(msgspec.Struct, rename="camel"):
    """What the judgement needs of a job as `GET /jobs/{id}` shows it."""

    status: str
    attempts: int
    max_attempts: int
    result: msgspec.Raw


class ServiceFace:
    """Many jobs in one request, each as it is shown alone."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def read(self, ids: Sequence[str]) -> list[Seen | None] | None:
        found = self._caller.read_many(ids)
        return None if found is None else [None if raw is None else seen(raw) for raw in found]


def seen(content: bytes) -> Seen:
    """From the bytes of one job."""
    shown = msgspec.json.decode(content, type=Shown)
    # Every job of the suite returns something.
    has_result = bytes(shown.result) != b"null"
    return Seen(shown.status, shown.attempts, shown.max_attempts, has_result, content)
