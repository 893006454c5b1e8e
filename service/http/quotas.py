"""Which quota a request counts against."""

from enum import StrEnum

from service.envelopes import Envelope
from service.limits import Quota
from service.settings import Settings


class Bucket(StrEnum):
    """What is counted apart from the rest."""

    POLLS = "polls"
    READS = "reads"
    WRITES = "writes"


def quota_of(settings: Settings, envelope: Envelope, bucket: Bucket) -> Quota | None:
    """The settings' limit, for all envelopes alike; where they say nothing, the envelope's own. None: no limit."""
    limit: int | None = getattr(settings, f"quota_{bucket}")
    if limit is None and envelope.quotas is not None:
        limit = getattr(envelope.quotas, bucket)
    return Quota(bucket, limit) if limit else None
