"""What a newer deployment registers beside the acts: a job type that older workers do not know."""

from pollable import job_type
from tests.worker.acts import Plan, note


@job_type("novelty")
def novelty(plan: Plan) -> str:
    """Something new."""
    note("start")
    return plan.what
