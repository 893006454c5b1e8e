"""Two web processes, restarted and killed under load in every way."""

import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path

from chaos.load import load
from chaos.processes import forked_by, is_alive, kill
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial
from chaos.waiting import until

BACK_S = 60.0
GONE_S = 10.0
KILLED_S = 1.0
"""Whoever was being answered by a process that was killed gets no answer."""


class Web:
    """The parent, and where it listens."""

    def __init__(self, restarts: Trial) -> None:
        self._restarts = restarts
        self.parent, restarts.caller.address = restarts.deployment.web(settings={"WEB_CONCURRENCY": "2"})
        self.excused: list[tuple[float, float]] = []
        self.harmed: list[tuple[float, str]] = []
        self.until_whole()

    def children(self) -> list[int]:
        """Those that serve; the other Python child keeps multiprocessing's books."""
        return [pid for pid in forked_by(self.parent.pid) if "spawn_main" in _command(pid)]

    def until_whole(self, *, but: Collection[int] = ()) -> None:
        """Until two children serve, none of them one of these."""

        def is_whole() -> bool:
            children = set(self.children())
            is_new = len(children) == 2 and not children.intersection(but)
            return is_new and all(map(self._has_started, children)) and self._answers()

        until(is_whole, within_s=BACK_S, what="two web processes", every_s=0.1)

    def _has_started(self, child: int) -> bool:
        return f"Started server process [{child}]" in self.parent.log

    def _answers(self) -> bool:
        return self._restarts.caller.ask("GET", "/healthz").status == 200

    def after_what(self, at: float) -> str:
        """The harm before that moment (seconds since the epoch)."""
        began_at, name = max(each for each in self.harmed if each[0] <= at)
        return f"{at - began_at:.2f} s after {name}"

    def term_child(self) -> None:
        child = self._restarts.random.choice(self.children())
        kill(child, signal.SIGTERM)
        self.until_whole(but={child})

    def hup_parent(self) -> None:
        before = set(self.children())
        self.parent.send(signal.SIGHUP)
        self.until_whole(but=before)

    def kill_child(self) -> None:
        child = self._restarts.random.choice(self.children())
        began_at = time.time()
        kill(child)
        self.excused.append((began_at, began_at + KILLED_S))
        self.until_whole(but={child})

    def kill_parent(self) -> None:
        """No child lives on; the next parent listens where this one did."""
        children, began_at = self.children(), time.time()
        kill(self.parent.pid)
        with self._restarts.requiring("the children of a parent that was killed"):
            until(lambda: not any(map(is_alive, children)), within_s=GONE_S, what="their end")
        for orphan in children:
            kill(orphan)
        port = self._restarts.caller.address[1]
        self.parent, _ = self._restarts.deployment.web(port=port, settings={"WEB_CONCURRENCY": "2"})
        self.until_whole()
        self.excused.append((began_at, time.time()))


HARM: tuple[Callable[[Web], None], ...] = (Web.term_child, Web.hup_parent, Web.kill_child, Web.kill_parent)


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as restarts:
        web = Web(restarts)
        restarts.worker()
        restarts.poller.start()
        with load(restarts, per_s=10, naps_s=(0.01, 0.1)):
            for _ in range(int(size["rounds"])):
                for harm in HARM:
                    time.sleep(1)
                    began_at = time.monotonic()
                    web.harmed.append((time.time(), harm.__name__))
                    with restarts.requiring(harm.__name__):
                        harm(web)
                    name = f"{harm.__name__}_whole_again_max_s"
                    took_s = round(time.monotonic() - began_at, 1)
                    restarts.figures[name] = max(took_s, restarts.figures.get(name, 0))
        restarts.until_ended(within_s=60)
        restarts.judge(may_be_unanswered=True)
        unexcused = [each for each in restarts.caller.traffic.lost if not _is_excused(each[0], web)]
        restarts.violations += [f"I4: {web.after_what(at)}: no answer to {request}" for at, request in unexcused]
        restarts.figures["unanswered_after_kill_9"] = len(restarts.caller.traffic.lost) - len(unexcused)
        return Found(restarts.violations, restarts.figures)


def _is_excused(at: float, web: Web) -> bool:
    # Noted is when a request began: what was being answered had begun before.
    return any(begin - KILLED_S <= at <= end for begin, end in web.excused)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


scenario = Scenario(
    name="web_restarts",
    procedure="two web processes: TERM and kill -9 of a child, HUP and kill -9 of the parent, under load",
    passes="no 5xx, no orphan, no reset but of what a killed process was answering",
    full={"rounds": 5},
    short={"rounds": 1},
    run=run,
)
