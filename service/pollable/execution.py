"""The only function that RQ is ever asked to call. Workers of ours run the attempt without it (`worker.job`)."""

from functools import cache
from typing import Any

from rq import get_current_job

from pollable import catalog
from pollable.settings import from_environment
from pollable.worker.attempt import Attempt, Workshop
from pollable.worker.claims import Claims, Refused
from pollable.worker.lease import kept


class NotOurs(Exception):
    """The attempt was refused: the job has ended, another worker has it, or this one does not know its type."""


def run() -> Any:
    """Under a plain `rq worker`: claim the current RQ job, run it and end it in the record.

    What it raises or returns is for RQ to show.
    """
    rq_job = get_current_job()
    if rq_job is None:
        raise RuntimeError("pollable.execution.run is what RQ calls; submit jobs over HTTP instead.")
    workshop = _from_environment()
    claims = Claims(rq_job.connection, lease_s=workshop.settings.lease_s, types=workshop.types, rq_pushes=True)
    claim = claims.claim(rq_job.id)
    if isinstance(claim, Refused):
        rq_job.retries_left = 0
        raise NotOurs(f"This attempt does not run: {claim.state}.")
    with kept(claim, claims):
        return Attempt(claim, claims=claims, workshop=workshop).run(rq_job)


@cache
def _from_environment() -> Workshop:
    settings = from_environment()
    return Workshop(settings, catalog.deployed(settings))
