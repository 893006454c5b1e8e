"""A primary and its replica, watched by three Sentinels: the primary is killed, and demoted, under load."""

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from chaos import durable
from chaos.durable import DurableRedis
from chaos.load import load
from chaos.scenario import Found, Scenario, Size, lease
from chaos.trial import Trial, trial
from chaos.waiting import until
from pollable.cli.owned_process import OwnedProcess
from pollable.storage import keys

NAME = "chaos"
SENTINELS, QUORUM = 3, 2
DOWN_AFTER_MS = 2_000
RECOVERED_S = 15.0
SAFE = ("--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0")
"""As docs/deploying.md says: who has lost its replica takes no writes. A new one is served at once."""


class Pair:
    """Two servers, one of which is the primary."""

    def __init__(self, primary: DurableRedis, replica: DurableRedis, sentinel: Redis) -> None:
        self.primary, self.replica, self._sentinel = primary, replica, sentinel

    def replicates(self) -> bool:
        """Whether the replica has what the primary has, and Sentinel knows it."""
        try:
            is_linked = self.replica.info("role") == "slave" and self.replica.info("master_link_status") == "up"
            return is_linked and bool(self._sentinel.sentinel_slaves(NAME))
        except RedisError:
            return False

    def has_switched(self) -> bool:
        try:
            return bool(self.replica.info("role") == "master")
        except RedisError:
            return False

    def kill_primary(self) -> None:
        self.primary.kill()

    def demote_primary(self) -> None:
        self._sentinel.sentinel_failover(NAME)

    def switch(self) -> None:
        """The replica is the primary now; who was it comes back as its replica."""
        self.primary, self.replica = self.replica, self.primary
        if not self.replica.is_running:
            self.replica.start("--replicaof", "127.0.0.1", str(self.primary.port))


def run(size: Size, seed: int) -> Found:
    with watched() as (pair, address):
        settings = {**lease(size), "REDIS_URL": f"redis+sentinel://{address}/{NAME}/0", "POLLABLE_REPLICAS": "1"}
        with trial(seed=seed, redis=pair.primary, settings=settings) as failover:
            until(pair.replicates, within_s=30, what="a replica in step", every_s=0.1)
            failover.open(workers=2)
            with load(failover, "nap", per_s=3, naps_s=(0.05, 0.5)):
                for _ in range(int(size["rounds"])):
                    for harm in (pair.kill_primary, pair.demote_primary):
                        with failover.requiring("a replica in step"):
                            until(pair.replicates, within_s=30, what="a replica in step", every_s=0.1)
                        time.sleep(1)
                        harm()
                        recover(failover, pair)
            failover.until_ended(within_s=60)
            let_go(failover)
            failover.judge()
            failover.require(failover.figures["failed"] == 0, "a job failed that could have been begun again")
            return Found(failover.violations, failover.figures)


def let_go(failover: Trial) -> None:
    """What the old primary had answered and its replica had not heard is Redis' to lose: such a job runs again."""
    failover.poller.stop()
    reverted = [each for each in failover.poller.violations if "I2" in each or "I3: went back" in each]
    failover.poller.violations = [each for each in failover.poller.violations if each not in reverted]
    failover.figures["outcomes_not_replicated"] = len(reverted)


def recover(failover: Trial, pair: Pair) -> None:
    """Until a job that the new primary accepted has begun; it has every job that was accepted before."""
    began_at = time.monotonic()
    until(pair.has_switched, within_s=60, what="the new primary", every_s=0.05)
    pair.switch()
    failover.redis, failover.deployment.redis_url = pair.primary, pair.primary.url
    with failover.requiring("recovery"):
        failover.until_at_work(within_s=RECOVERED_S)
    recovered_s = round(time.monotonic() - began_at, 1)
    failover.figures["back_at_work_max_s"] = max(recovered_s, failover.figures.get("back_at_work_max_s", 0))
    gone = [job_id for job_id in failover.accepted if not pair.primary.admin.exists(keys.record(job_id))]
    failover.require(not gone, f"accepted, and not there after the failover: {gone}")


@contextmanager
def watched() -> Iterator[tuple[Pair, str]]:
    """The pair, and the address of its Sentinels."""
    ports = free_ports(2 + SENTINELS)
    with ExitStack() as stack:
        primary = stack.enter_context(closing(DurableRedis(*SAFE, port=ports[0])))
        replicating = ("--replicaof", "127.0.0.1", str(ports[0]))
        replica = stack.enter_context(closing(DurableRedis(*SAFE, *replicating, port=ports[1])))
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-sentinels-")))
        for port in ports[2:]:
            file = place / f"{port}.conf"
            file.write_text(configuration(port, primary=ports[0]))
            stack.enter_context(OwnedProcess([durable.program(), file, "--sentinel"]))
        sentinel = stack.enter_context(Redis(port=ports[2], socket_timeout=5))
        until(lambda: knows_others(sentinel), within_s=30, what="Sentinels that know each other", every_s=0.1)
        yield Pair(primary, replica, sentinel), ",".join(f"127.0.0.1:{port}" for port in ports[2:])


def configuration(port: int, *, primary: int) -> str:
    return "\n".join(
        [
            f"port {port}",
            "bind 127.0.0.1",
            f"sentinel monitor {NAME} 127.0.0.1 {primary} {QUORUM}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 6000",
            "logfile /dev/null",
        ]
    )


def knows_others(sentinel: Redis) -> bool:
    try:
        others: Any = sentinel.sentinel_sentinels(NAME)
        return len(others) == SENTINELS - 1
    except RedisError:
        return False


def free_ports(count: int) -> list[int]:
    """Ports where nobody listens now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


scenario = Scenario(
    name="failover",
    procedure="three Sentinels: the primary killed, and demoted, under load",
    passes="2xx and 503 only, at work again within 15 s of the switch, replicated jobs end",
    full={"rounds": 3, "lease_s": 6},
    short={"rounds": 1, "lease_s": 3},
    run=run,
)
