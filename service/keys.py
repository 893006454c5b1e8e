"""The Redis keys, beside RQ's own under RQ's own prefix. The scripts build the same from the two prefixes."""

from rq.defaults import RQ_KEY_PREFIX

PREFIX = "pollable:"
RQ_PREFIX = RQ_KEY_PREFIX + ":"
"""RQ's own reading of `RQ_KEY_PREFIX`, so that the two can never disagree."""


def record(job_id: str) -> str:
    """The record of a job: a hash."""
    return f"{PREFIX}job:{job_id}"


def leases() -> str:
    """Running ids by the end of their lease (Redis' milliseconds): a sorted set."""
    return f"{PREFIX}leases"


def pending(queue: str) -> str:
    """Queued and scheduled ids by the time they are due (Redis' milliseconds): a sorted set."""
    return f"{PREFIX}pending:{queue}"


def owner(owner_id: str) -> str:
    """An owner's job ids by creation (Redis' milliseconds): a sorted set."""
    return f"{PREFIX}owner:{owner_id}"


def idempotency(owner_id: str, digest: str) -> str:
    """Idempotency key -> the first answer's job: a hash."""
    return f"{PREFIX}idem:{owner_id}:{digest}"


def limit(bucket: str, owner_id: str) -> str:
    """The state of one quota: a string."""
    return f"{PREFIX}limit:{bucket}:{owner_id}"


def token(digest: str) -> str:
    """A personal access token by its SHA-256: a hash."""
    return f"{PREFIX}token:{digest}"


def rq_job(job_id: str) -> str:
    """RQ's hash of a job."""
    return f"{RQ_PREFIX}job:{job_id}"
