"""Looking at a job again and again, at a pace that the service sets."""

from time import monotonic

from pollable.client import requests
from pollable.client.answers import answered, content
from pollable.client.errors import Refused, TimedOut, Unreachable, seconds
from pollable.client.patience import RETRIES, Deadline, is_worth_a_try, passes, pause_after, pauses
from pollable.client.snapshot import Snapshot
from pollable.client.steps import Answer, Flow, Pause

# The longest that a service holds an answer back.
HELD_S = 25
# An answer that came sooner was not held, whatever it says.
HELD_AT_LEAST_S = 1.0
# A delayed job is worth no look until it is due, but for this: it may be cancelled before that.
UNSEEN_S = 30.0


class Watch:
    """One who looks at a job until the deadline.

    The service may hold its answer until the job's state changes (`Prefer: wait`); `sees_progress` asks for none of
    that. Where it does not, its `Retry-After` is the pace; where there is none, 1 s growing to 10 s.
    """

    def __init__(self, job_id: str, deadline: Deadline, *, sees_progress: bool = False) -> None:
        self._job_id = job_id
        self._deadline = deadline
        self._most_held_s = 0 if sees_progress else HELD_S
        self._rhythm = pauses()
        # Before the first look there is none.
        self._pause_s: float | None = None
        self._failures = 0
        self._trouble: Refused | Unreachable | None = None
        self._seen: Snapshot | None = None

    def look(self) -> Flow[Snapshot]:
        """The job as it is, once it is time to look. Goes on through what passes. Raises `TimedOut`, `Refused`."""
        while True:
            yield from self._rest()
            asked, left_s = monotonic(), self._deadline.left_s
            held_s = int(min(self._most_held_s, left_s))
            reply = yield requests.read(self._job_id, held_s=held_s, left_s=left_s)
            try:
                answer = answered(reply)
                seen = content(answer, of=Snapshot)
            except (Refused, Unreachable) as error:
                self._bear(error)
            else:
                self._pause_s = self._pace(answer, seen, took_s=monotonic() - asked)
                self._seen, self._trouble, self._failures = seen, None, 0
                return seen

    def hurry(self) -> None:
        """The next look is due as if the service had said nothing."""
        self._pause_s = next(self._rhythm)

    def _rest(self) -> Flow[None]:
        if self._pause_s is None:
            return
        left_s = self._deadline.left_s
        # The last look is at the deadline; who was told to stay away for longer has had it.
        is_last = left_s <= 0 or (self._trouble is not None and self._pause_s > left_s)
        yield Pause(min(self._pause_s, left_s))
        if is_last:
            raise TimedOut(self._job_id, self._deadline.timeout_s, job=self._seen) from self._trouble

    def _bear(self, error: Refused | Unreachable) -> None:
        self._failures += 1
        if not passes(error) and (not is_worth_a_try(error) or self._failures > RETRIES):
            raise error
        self._trouble, self._pause_s = error, pause_after(error.retry_after_s, self._rhythm)

    def _pace(self, answer: Answer, seen: Snapshot, *, took_s: float) -> float:
        has_changed = self._seen is None or seen.state != self._seen.state
        if "wait" in answer.headers.get("preference-applied", "") and (has_changed or took_s >= HELD_AT_LEAST_S):
            return 0.0
        return min(UNSEEN_S, pause_after(seconds(answer.headers.get("retry-after")), self._rhythm))
