"""Neighbours on one Redis: two prefixes, and a stock application on the very queues of ours; kills in all of them."""

import time
from contextlib import closing

from chaos.durable import DurableRedis
from chaos.load import load
from chaos.processes import Process
from chaos.scenario import Found, Scenario, Size, lease
from chaos.stock import QUEUE, shared_stock_trial
from chaos.trial import Trial, trial


def run(size: Size, seed: int) -> Found:
    shared = {**lease(size), "POLLABLE_QUEUES": QUEUE}
    # Workers of the application that shares a queue know our job types and our serializer, as docs/existing-rq.md says.
    with (
        closing(DurableRedis()) as redis,
        trial(seed=seed, redis=redis, settings={**lease(size), "RQ_KEY_PREFIX": "alice"}) as alice,
        trial(seed=seed + 1, redis=redis, settings={**lease(size), "RQ_KEY_PREFIX": "bob"}) as bob,
        trial(seed=seed + 2, redis=redis, settings=shared) as carol,
        shared_stock_trial(seed=seed + 3, redis=redis, settings=shared) as stock,
    ):
        tenants: dict[str, Trial] = {"alice": alice, "bob": bob, "carol": carol, "stock": stock}
        strike(tenants, size)
        violations = []
        for name, tenant in tenants.items():
            tenant.until_ended(within_s=120)
            tenant.judge()
            if tenant is not stock:
                tenant.require(tenant.figures["failed"] == 0, "a job failed that could have been begun again")
                violations += [f"{name}: {violation}" for violation in tenant.violations]
        # What RQ itself loses it may lose; who was not killed has to have ended.
        hurt = stock.figures["attempts_killed"] + stock.figures["workers_killed"]
        if stock.figures["lost"] + stock.figures["failed"] > hurt:
            violations.append(f"stock: {stock.figures}")
        return Found(violations, {name: tenant.figures for name, tenant in tenants.items()})


def strike(tenants: dict[str, Trial], size: Size) -> None:
    """Each has its jobs; one worker after the other is killed and replaced."""
    workers: dict[str, list[Process]] = {name: tenant.open(workers=1) for name, tenant in tenants.items()}
    alice, bob, carol, stock = tenants.values()
    naps_s = (0.05, 0.8)
    with (
        load(alice, "nap", per_s=2, naps_s=naps_s),
        load(bob, "nap", per_s=2, naps_s=naps_s),
        load(carol, "nap", per_s=2, naps_s=naps_s),
        load(stock, "nap", per_s=2, naps_s=naps_s),
    ):
        for _ in range(int(size["kills"])):
            for name, tenant in tenants.items():
                time.sleep(size["every_s"])
                tenant.kill(workers[name].pop().pid)
                workers[name].append(tenant.worker())
                tenant.figures["workers_killed"] = tenant.figures.get("workers_killed", 0) + 1


scenario = Scenario(
    name="two_tenants",
    procedure="two prefixes, and a stock application on the queues of ours, kills in all of them",
    passes="each as if alone",
    full={"kills": 10, "every_s": 2, "lease_s": 6},
    short={"kills": 1, "every_s": 1, "lease_s": 2},
    run=run,
)
