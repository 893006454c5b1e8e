"""Workers die by SIGKILL at the moments that count: around the pop, the claim, which registers too, and the outcome."""

import itertools
import re
import time
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from chaos.oracle import STUCK_S, spread
from chaos.processes import Process
from chaos.proxy import Harm, Proxy, sha
from chaos.scenario import Found, Scenario, Size, lease
from chaos.trial import Trial, trial

ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Point(msgspec.Struct, frozen=True):
    """A request by its sign, and where the worker dies: before it arrives, or once a reply with `done` has come."""

    sign: bytes
    arrives: bool
    done: bytes = b""


POINTS = {
    "after pop": Point(sha("pop"), arrives=True, done=b"*2\r\n"),
    "before claim": Point(sha("claim"), arrives=False),
    "after claim": Point(sha("claim"), arrives=True, done=b"claimed"),
    "before complete": Point(sha("complete"), arrives=False),
    "after complete": Point(sha("complete"), arrives=True, done=b"ended"),
}


class Crash(msgspec.Struct, frozen=True):
    """What happened, to which job, and when (seconds since the epoch)."""

    point: str
    job_id: str
    at: float


class Doomed:
    """A worker behind a proxy of its own, and the moment at which it dies."""

    def __init__(self, crashes: Trial, point: str) -> None:
        self._trial, self._name, self._point = crashes, point, POINTS[point]
        self._proxy = Proxy(crashes.redis.socket, self._decide)
        self.crash: Crash | None = None
        self.worker: Process = crashes.deployment.worker(settings={"REDIS_URL": self._proxy.url})

    def _decide(self, request: bytes) -> Harm | None:
        if self.crash is not None or self._point.sign not in request:
            return None
        point = self._point
        return Harm(arrives=point.arrives, then=lambda reply: self._die(request, reply), done=point.done)

    def _die(self, request: bytes, reply: bytes) -> None:
        found = ID.search(request) or ID.search(reply)
        assert found is not None
        self.crash = Crash(self._name, found[0].decode(), time.time())
        self._trial.kill(self.worker.pid)

    def close(self) -> None:
        self.worker.close()
        self._proxy.close()


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed, settings=lease(size)) as crashes:
        # Scripts that Redis knows: else the first call is refused and sent again.
        crashes.open(workers=1)
        crashes.must_submit("nap")
        crashes.until_ended(within_s=30)
        found = list(_crash_all(crashes, size))
        crashes.until_ended(within_s=60)
        crashes.judge()
        judge(crashes, found, size)
        return Found(crashes.violations, crashes.figures)


def _crash_all(crashes: Trial, size: Size) -> Iterator[Crash]:
    """Some doomed workers at a time, and one that lives, so that there is somebody to recover."""
    plan = [point for point in POINTS for _ in range(int(size["each"]))]
    crashes.random.shuffle(plan)
    doomed: list[Doomed] = []
    give_up_at = time.monotonic() + 60 + 5 * len(plan)
    for number in itertools.count():
        while plan and len(doomed) < size["at_once"]:
            doomed.append(Doomed(crashes, plan.pop()))
        if not doomed or time.monotonic() > give_up_at:
            break
        if number % 2 == 0 and crashes.poller.moving(within_s=2 * STUCK_S) < 3 * len(doomed):
            crashes.must_submit("nap", {"nap_s": 0.3})
        time.sleep(0.05)
        for each in [each for each in doomed if each.worker.exit_code is not None]:
            doomed.remove(each)
            each.close()
            if each.crash is not None:
                yield each.crash
    for each in doomed:
        each.close()


def judge(crashes: Trial, found: list[Crash], size: Size) -> None:
    """Each job that was hit went on within 15 s."""
    by_point: dict[str, list[float]] = defaultdict(list)
    for crash in found:
        # A worker that took it again, to die of it, too, is a way on.
        again = [other.at for other in found if other.job_id == crash.job_id and other.at > crash.at]
        recovered_s = _recovered_s(crashes, crash, again)
        by_point[crash.point].append(recovered_s)
        crashes.require(recovered_s <= STUCK_S, f"{crash.point}: {crash.job_id} went on after {recovered_s:.1f} s")
    for point in POINTS:
        there = len(by_point[point])
        crashes.require(there == size["each"], f"{there} crashes {point}")
    crashes.figures["crashes"] = {point: len(each) for point, each in by_point.items()}
    crashes.figures |= spread("went_on", list(itertools.chain(*by_point.values())))
    crashes.require(crashes.figures["failed"] == 0, "a job failed that could have been begun again")


def _recovered_s(crashes: Trial, crash: Crash, again: list[float]) -> float:
    """Until the job was taken again, or was seen ended."""
    began = [entry.at for entry in crashes.journal.of(crash.job_id) if entry.at > crash.at]
    ended = [change.at for change in crashes.poller.changes(crash.job_id) if change.seen.is_final]
    return max(0.0, min([*began, *ended, *again], default=float("inf")) - crash.at)


scenario = Scenario(
    name="crash_points",
    procedure="SIGKILL at pop, and before and after claim and complete",
    passes="taken again or ended within 15 s",
    full={"each": 50, "at_once": 4, "lease_s": 6},
    short={"each": 1, "at_once": 3, "lease_s": 2},
    run=run,
)
