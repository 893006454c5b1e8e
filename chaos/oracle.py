"""The oracle: what became of each job, told from the journal, the poller and the kills; one for every scenario."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from chaos.journal import Entry
from chaos.poller import Change

STUCK_S = 15.0
"""Longer than this no job may read `running` whose worker is dead."""


class Kill(msgspec.Struct, frozen=True):
    """A process that was ended on purpose, at `at` (seconds since the epoch)."""

    at: float
    pid: int


class Victim(msgspec.Struct, frozen=True):
    """An attempt that was killed. `recovery_s` and `false_running_s` are None where the end was not seen."""

    job_id: str
    killed_at: float
    recovery_s: float | None
    false_running_s: float | None


class Evidence(msgspec.Struct, frozen=True):
    """All that was seen; `watched_until` is when looking ended."""

    accepted: Sequence[str]
    entries: Sequence[Entry]
    changes: Mapping[str, Sequence[Change]]
    kills: Sequence[Kill]
    watched_until: float


def victims(evidence: Evidence) -> list[Victim]:
    """Every attempt that a kill cut off, and how long it took until the job went on and until that was shown."""
    by_job: dict[str, list[Entry]] = defaultdict(list)
    for entry in evidence.entries:
        by_job[entry.job_id].append(entry)
    return [found for job_id in evidence.accepted for found in _victims_of(job_id, by_job[job_id], evidence)]


def _victims_of(job_id: str, entries: Sequence[Entry], evidence: Evidence) -> Iterable[Victim]:
    starts = [entry for entry in entries if entry.event == "start"]
    ends = {entry.pid: entry.at for entry in entries if entry.event == "end"}
    for number, start in enumerate(starts):
        processes = (start.pid, start.parent_pid)
        killed = [kill.at for kill in evidence.kills if kill.pid in processes and kill.at > start.at]
        again = starts[number + 1].at if number + 1 < len(starts) else None
        # One that told its end, and was not begun again, had been written down before the kill.
        if not killed or (start.pid in ends and again is None):
            continue
        yield _victim(job_id, start, min(killed), again, evidence)


def _victim(job_id: str, start: Entry, killed_at: float, again: float | None, evidence: Evidence) -> Victim:
    changes = evidence.changes[job_id]
    shown_ended = next((change.at for change in changes if change.seen.is_final), None)
    moved = [at for at in (again, shown_ended) if at is not None]
    recovery_s = max(0.0, min(moved) - killed_at) if moved else None
    return Victim(job_id, killed_at, recovery_s, _false_running_s(start, killed_at, again, changes))


def _false_running_s(start: Entry, killed_at: float, again: float | None, changes: Sequence[Change]) -> float | None:
    """Seconds for which the attempt was shown as running after its process had died."""
    for change in changes:
        seen = change.seen
        is_of_dead = seen.state == "running" and (start.attempt == 0 or seen.attempts == start.attempt)
        if change.at >= killed_at and not is_of_dead:
            return change.at - killed_at
    before = [change for change in changes if change.at < killed_at]
    if before and before[-1].seen.state != "running":
        return 0.0
    return None if again is None else max(0.0, again - killed_at)


def figures(evidence: Evidence) -> dict[str, float]:
    """The numbers of one run. Seconds, but where the name says otherwise."""
    found = victims(evidence)
    live = [job_id for job_id in evidence.accepted if not _is_ended(evidence, job_id)]
    ends = Counter(entry.job_id for entry in evidence.entries if entry.event == "end")
    starts = Counter(entry.job_id for entry in evidence.entries if entry.event == "start")
    recoveries = [victim.recovery_s for victim in found if victim.recovery_s is not None]
    running = [_at_least(victim.false_running_s, victim, evidence) for victim in found]
    stuck = {victim.job_id for victim, seconds in zip(found, running, strict=True) if seconds > STUCK_S}
    failed = [job_id for job_id in evidence.accepted if _ended_as(evidence, job_id) == "failed"]
    numbers: dict[str, float] = {
        "accepted": len(evidence.accepted),
        "lost": len(live),
        "stuck": len(stuck),
        "failed": len(failed),
        "begun_again": sum(starts[job_id] > 1 for job_id in evidence.accepted),
        "ran_to_the_end_twice": sum(ends[job_id] > 1 for job_id in evidence.accepted),
        "attempts_killed": len(found),
        "longest_false_running_s": round(max(running, default=0.0), 2),
    }
    return numbers | spread("recovery", recoveries)


def spread(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum; nothing of nothing."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    median = statistics.median(ordered)
    return {f"{name}_{what}_s": round(each, 2) for what, each in (("p50", median), ("p99", p99), ("max", ordered[-1]))}


def _at_least(seconds: float | None, victim: Victim, evidence: Evidence) -> float:
    return evidence.watched_until - victim.killed_at if seconds is None else seconds


def _is_ended(evidence: Evidence, job_id: str) -> bool:
    return _ended_as(evidence, job_id) is not None


def _ended_as(evidence: Evidence, job_id: str) -> str | None:
    changes = evidence.changes[job_id]
    return changes[-1].seen.state if changes and changes[-1].seen.is_final else None
