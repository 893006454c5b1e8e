"""ETags of jobs that ended, from the versions of their records: to know that it is still the same takes no body."""

import hashlib
from functools import lru_cache
from importlib.resources import files

from pollable.envelopes.envelope import Envelope
from pollable.model import Job


@lru_cache(1024)
def edition(api: type[Envelope], prefix: str) -> bytes:
    """What words and links a release of ours gives to jobs; empty for another's API, which may show anything.

    A digest of the sources: a deployment from a checkout has no other version.
    """
    if not api.__module__.startswith("pollable.envelopes."):
        return b""
    sources = [*files("pollable.envelopes").iterdir(), files("pollable").joinpath("model.py")]
    words = sorted(source.read_bytes() for source in sources if source.name.endswith(".py"))
    named = f"{api.__module__} {api.__qualname__} {prefix}".encode()
    return hashlib.blake2b(b"\0".join([named, *words]), digest_size=8).hexdigest().encode()


def etag(of: bytes, job: Job) -> bytes | None:
    """The tag of the answer in that edition; None where its body may change without a new version of the record."""
    # Before its end a job may be overdue, or unable to begin, without anything being written.
    is_fixed = of and job.version and job.state.is_final
    return b'"%s-%d-%d"' % (of, job.version, job.updated_at) if is_fixed else None


def known(of: bytes, has: bytes) -> str:
    """The version and time of change in the tag of that edition, if it is in the If-None-Match; else empty."""
    return has.partition(b'"%s-' % of)[2].partition(b'"')[0].removesuffix(b"-gzip").decode("latin-1") if of else ""
