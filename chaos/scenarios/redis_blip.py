"""Every connection to Redis is reset, again and again, under load: those that wait, and those that are in use."""

import threading
import time
from random import Random

from chaos.load import load
from chaos.proxy import Harm
from chaos.scenario import Found, Scenario, Size
from chaos.trial import trial

IN_USE = 6
"""Requests that are cut off at each reset: clients look whether a connection that waits is still there."""


class Cuts:
    """Which requests are cut off: half of them before they arrive."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._left = 0
        self.made = 0

    def begin(self) -> None:
        with self._lock:
            self._left = IN_USE

    def decide(self, _: bytes) -> Harm | None:
        with self._lock:
            if not self._left:
                return None
            self._left -= 1
            self.made += 1
            return Harm(arrives=self._random.random() < 0.5)


def run(size: Size, seed: int) -> Found:
    cuts = Cuts(seed)
    with trial(seed=seed, proxy=cuts.decide) as blips:
        blips.open(workers=2)
        began_at = time.monotonic()
        with load(blips, per_s=3, naps_s=(0.05, 0.6)) as counted:
            while time.monotonic() < began_at + size["lasts_s"]:
                time.sleep(size["every_s"])
                blips.redis.admin.client_kill_filter(_type="normal", skipme=True)
                cuts.begin()
        blips.until_ended(within_s=60)
        blips.judge()
        blips.figures |= {"submits_refused": counted.tried - counted.accepted, "requests_cut_off": cuts.made}
        blips.require(blips.figures["failed"] == 0, "a job failed for a connection that was reset")
        return Found(blips.violations, blips.figures)


scenario = Scenario(
    name="redis_blip",
    procedure="every connection to Redis reset every 2 s under load, waiting or in use",
    passes="0 lost, 0 failed, no 5xx but 503",
    full={"lasts_s": 60, "every_s": 2},
    short={"lasts_s": 6, "every_s": 1.5},
    run=run,
)
