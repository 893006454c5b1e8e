"""The short form of each scenario, and which file runs it: files are what a parallel run spreads."""

import pytest

from chaos.__main__ import perform
from chaos.scenario import Skipped
from chaos.scenarios import ALL

WORKERS = ("kill9_storm", "orphan_horse", "freeze_thaw", "crash_points", "sigterm_sweep")
REDIS = ("redis_kill", "redis_blip", "reply_loss", "redis_frozen", "redis_full")
DEPLOYMENTS = (
    *("rolling_deploy", "web_restarts", "failover", "says_no"),
    *("full_and_drained", "flushed", "few_connections"),
)
JOBS = (
    *("cancel_race", "poison_pill", "bad_results", "ttl_clock", "job_children"),
    *("two_tenants", "stateful_model", "leak_soak"),
)


def hold(name: str) -> None:
    """Fails with what was violated."""
    try:
        report = perform(ALL[name], short=True)
    except Skipped as reason:
        pytest.skip(str(reason))
    assert report.violations == [], (report.violations, report.figures)
