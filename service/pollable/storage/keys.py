"""The Redis keys, all of them under RQ's own prefix. The scripts build the same from the two prefixes."""

from rq.defaults import RQ_KEY_PREFIX

RQ_PREFIX = RQ_KEY_PREFIX + ":"
"""RQ's own reading of `RQ_KEY_PREFIX`, so that the two can never disagree."""
PREFIX = RQ_PREFIX + "pollable:"
"""Under RQ's: a record is then never looked at beside the RQ of another application."""


def record(job_id: str) -> str:
    """The record of a job: a hash."""
    return f"{PREFIX}job:{job_id}"


def owner(owner_id: str) -> str:
    """An owner's job ids by creation (Redis' milliseconds), or everyone's (''): a sorted set."""
    return PREFIX + (f"owner:{owner_id}" if owner_id else "everyones")


def bell(queue: str, job_type: str) -> str:
    """What wakes the workers that wait for jobs of that type in that queue: a list, for two seconds."""
    return f"{PREFIX}bell:{queue}:{job_type}"


def changed(job_id: str) -> str:
    """The channel on which the scripts tell that a job changed; `*` stands for every job."""
    return f"{PREFIX}changed:{job_id}"


def limit(bucket: str, owner_id: str) -> str:
    """The state of one quota: a string."""
    return f"{PREFIX}limit:{bucket}:{owner_id}"


def token(digest: str) -> str:
    """A personal access token by its SHA-256: a hash."""
    return f"{PREFIX}token:{digest}"
