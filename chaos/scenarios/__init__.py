"""The scenarios, one a file, in the order of the table."""

from chaos.scenario import Scenario
from chaos.scenarios import (
    bad_results,
    cancel_race,
    crash_points,
    failover,
    few_connections,
    flushed,
    freeze_thaw,
    full_and_drained,
    job_children,
    kill9_storm,
    leak_soak,
    orphan_horse,
    poison_pill,
    redis_blip,
    redis_frozen,
    redis_full,
    redis_kill,
    reply_loss,
    rolling_deploy,
    says_no,
    sigterm_sweep,
    stateful_model,
    ttl_clock,
    two_tenants,
    web_restarts,
)

_MODULES = (
    *(kill9_storm, orphan_horse, freeze_thaw, crash_points, sigterm_sweep, rolling_deploy),
    *(redis_kill, redis_blip, reply_loss, redis_frozen, redis_full),
    *(says_no, full_and_drained, flushed, failover, few_connections, web_restarts),
    *(cancel_race, poison_pill, bad_results, ttl_clock, job_children, two_tenants, stateful_model, leak_soak),
)
ALL: dict[str, Scenario] = {module.scenario.name: module.scenario for module in _MODULES}
