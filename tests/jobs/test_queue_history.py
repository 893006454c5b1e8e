"""What reapers note of each queue: how many jobs waited, and for how long the oldest did."""

import time
from typing import Any

from pollable.storage import keys
from pollable.storage.scripts import source
from tests.jobs.workbench import URGENT, Workbench, until

HISTORY = f"{keys.PREFIX}history"
REAPER = f"{keys.PREFIX}reaper"


def texts(bench: Workbench) -> list[str]:
    told: Any = bench.redis.zrange(HISTORY, 0, -1)
    return [text.decode() for text in told]


def noted(bench: Workbench) -> list[dict[str, tuple[int, int]]]:
    """By queue, its depth and the age of its oldest job in ms, oldest first."""
    points = []
    for text in texts(bench):
        _, *told = text.split()
        rows = zip(told[::3], told[1::3], told[2::3], strict=True)
        points.append({queue: (int(depth), int(age_ms)) for queue, depth, age_ms in rows})
    return points


def half_a_minute_later(bench: Workbench) -> None:
    """As if all was noted so long before: the clock is Redis' own."""
    noted_at: Any = bench.redis.hget(REAPER, "noted_at")
    bench.redis.hset(REAPER, "noted_at", int(noted_at) - 30_000)
    aged = {}
    for text in texts(bench):
        at_ms, _, rest = text.partition(" ")
        aged[f"{int(at_ms) - 30_000} {rest}"] = int(at_ms) - 30_000
    bench.redis.zremrangebyrank(HISTORY, 0, -1)
    bench.redis.zadd(HISTORY, aged)
    bench.redis.expire(HISTORY, 60)


def test_depth_and_age_are_noted_by_queue(bench: Workbench) -> None:
    for _ in range(3):
        bench.submit()
    bench.submit(URGENT)
    bench.submit(delay_ms=3_600_000)
    time.sleep(0.05)
    bench.reap(lease_s=60)
    (point,) = noted(bench)
    assert {queue: depth for queue, (depth, _) in point.items()} == {
        "pollable-high": 1, "pollable": 3, "pollable-low": 0
    }  # fmt: skip
    assert 50 <= point["pollable"][1] < 20_000
    assert point["pollable-low"][1] == 0


def test_it_is_noted_every_half_minute_and_no_more_often(bench: Workbench) -> None:
    for depth in (1, 2, 3):
        bench.submit()
        for _ in range(3):
            bench.reap(lease_s=60)
        assert [point["pollable"][0] for point in noted(bench)] == list(range(1, depth + 1))
        half_a_minute_later(bench)


def test_an_idle_deployment_notes_that(bench: Workbench) -> None:
    bench.reap(lease_s=60)
    assert noted(bench) == [dict.fromkeys(bench.settings.queues, (0, 0))]


def test_it_is_of_an_hour_and_ends_with_the_last_process(bench: Workbench) -> None:
    for _ in range(130):
        bench.reap(lease_s=60)
        half_a_minute_later(bench)
    bench.reap(lease_s=60)
    assert 119 <= len(noted(bench)) <= 121
    assert 3_590 <= bench.redis.ttl(HISTORY) <= 3_600


def test_a_key_of_another_type_stops_no_reaper(bench: Workbench) -> None:
    bench.redis.set(HISTORY, "x", ex=60)
    job = bench.submit()
    claim = bench.claim(job.id, lease_s=0.05)
    until(lambda: bench.reap(), lambda done: done["failed"] == 1)
    assert bench.read(claim.job_id).state.is_final
    told: Any = bench.redis.register_script(source("queues"))(args=[keys.PREFIX, keys.RQ_PREFIX, "pollable"])
    assert told[1] == []
