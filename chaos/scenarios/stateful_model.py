"""Random sequences of everything that can happen to a job, beside a model of what has to come of it."""

import uuid
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    multiple,
    rule,
    run_state_machine_as_test,
)

from chaos.calling import Answer
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial
from pollable.jobs import reaper
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Claim, Claims, Ending, Lease, Outcome, Reception

STEPS = 50
LEASE_S = 1000.0
"""So long that time passes only when the model says so."""
MOST = {"nap": 10, "nap_once": 1, "fail": 2}
FINAL = ("succeeded", "failed", "cancelled")


class Model:
    """What a job has to be."""

    def __init__(self, job_id: str, job_type: str) -> None:
        self.id = job_id
        self.type = job_type
        self.state = "queued"
        self.attempts = 0
        self.claim: Claim | None = None
        self.is_cancel_wished = False
        self.content: bytes | None = None
        self.is_deleted = False

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def end_attempt(self, *, may_retry: bool) -> str:
        """The state after an attempt that did not succeed."""
        self.claim = None
        if self.is_cancel_wished:
            return "cancelled"
        return "queued" if may_retry and self.attempts < MOST[self.type] else "failed"


class Hand:
    """The worker's side, by hand; and the clock's."""

    def __init__(self, model: Trial) -> None:
        self.caller = model.caller
        self.redis = model.redis.admin
        self.claims = Claims(self.redis, lease_s=LEASE_S, types=list(MOST))
        self._reap = self.redis.register_script(source("reap"))
        self._settings = Settings(lease_s=LEASE_S)

    def lose(self, job_id: str) -> None:
        """Its worker has died and its lease is over; the reaper comes."""
        reaping = f"{keys.PREFIX}reaper"
        now: Any = self.redis.time()
        with self.redis.pipeline() as pipeline:
            pipeline.zadd(f"{keys.PREFIX}leases", {job_id: 1})
            pipeline.hset(reaping, mapping={"since": 0, "last": now[0] * 1000 + now[1] // 1000})
            self._reap(args=reaper.arguments(self._settings, lease_ms=60_000, every_ms=0), client=pipeline)
            pipeline.execute()


class Jobs(RuleBasedStateMachine):
    """Every rule asks the service, and compares."""

    hand: Hand
    steps = 0
    jobs: Bundle[Model] = Bundle("jobs")
    lost: Bundle[tuple[Model, Claim]] = Bundle("lost")

    def _ask(self, method: str, path: str, *args: Any) -> Answer:
        Jobs.steps += 1
        return self.hand.caller.ask(method, path, *args)

    @rule(target=jobs, job_type=st.sampled_from(list(MOST)), delay=st.sampled_from([None, 600]))
    def submit(self, job_type: str, delay: int | None) -> Model:
        body = {"type": job_type, "payload": {}} | ({"delay": delay} if delay else {})
        key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        first, again = (self._ask("POST", "/jobs", body, key) for _ in range(2))
        assert (first.status, again.status) == (202, 202)
        assert first.json()["id"] == again.json()["id"], "a resubmit made a second job"
        other = self._ask("POST", "/jobs", body | {"payload": {"nap_s": 1}}, key)
        assert other.status in (409, 422), other
        made = Model(first.json()["id"], job_type)
        made.state = "scheduled" if delay else "queued"
        return made

    @rule(job=jobs)
    def poll(self, job: Model) -> None:
        answer = self._ask("GET", f"/jobs/{job.id}")
        if job.is_deleted:
            assert answer.status == 410, answer
            return
        assert answer.status == 200, answer
        shown = answer.json()
        assert (shown["status"], shown["attempts"]) == (job.state, job.attempts)
        if job.is_final:
            assert job.content in (None, answer.body), "the outcome changed"
            job.content = answer.body

    @rule(job=jobs)
    def begin(self, job: Model) -> None:
        Jobs.steps += 1
        claimed = self.hand.claims.claim(job.id)
        may_begin = not job.is_deleted and job.state in ("queued", "scheduled")
        assert isinstance(claimed, Claim) == may_begin, claimed
        if isinstance(claimed, Claim):
            job.claim, job.state, job.attempts = claimed, "running", job.attempts + 1
            assert claimed.attempt == job.attempts

    @rule(job=jobs)
    def renew(self, job: Model) -> None:
        if job.claim is not None:
            Jobs.steps += 1
            expected = Lease.STOP if job.is_cancel_wished else Lease.HELD
            assert self.hand.claims.renew(job.claim) is expected

    @rule(job=jobs, result=st.binary(max_size=20))
    def succeed(self, job: Model, result: bytes) -> None:
        if job.claim is not None:
            Jobs.steps += 1
            outcome = Outcome(kind=Ending.SUCCEEDED, result=b'"%s"' % result.hex().encode())
            assert self.hand.claims.complete(job.claim, outcome).kind is Reception.ENDED
            job.state, job.claim = "succeeded", None

    @rule(job=jobs, may_retry=st.booleans())
    def fail(self, job: Model, may_retry: bool) -> None:
        if job.claim is not None:
            Jobs.steps += 1
            outcome = Outcome(kind=Ending.FAILED, code="on_purpose", message="It broke.", may_retry=may_retry)
            settled = self.hand.claims.complete(job.claim, outcome)
            # A wish to stop only keeps a failure from being tried again.
            goes_on = may_retry and job.attempts < MOST[job.type] and not job.is_cancel_wished
            job.state, job.claim = "queued" if goes_on else "failed", None
            assert settled.state == job.state, settled

    @rule(target=lost, job=jobs)
    def lose(self, job: Model) -> Any:
        """kill -9, and time: what the dead one held comes late, if it comes."""
        if job.claim is None:
            return multiple()
        Jobs.steps += 1
        claim = job.claim
        self.hand.lose(job.id)
        job.state = job.end_attempt(may_retry=True)
        return (job, claim)

    @rule(late=consumes(lost))
    def come_late(self, late: tuple[Model, Claim]) -> None:
        Jobs.steps += 1
        outcome = Outcome(kind=Ending.SUCCEEDED, result=b'"late"')
        assert self.hand.claims.complete(late[1], outcome).kind is Reception.REFUSED

    @rule(job=jobs)
    def cancel(self, job: Model) -> None:
        answer = self._ask("POST", f"/jobs/{job.id}/cancel")
        if job.is_deleted:
            assert answer.status == 410, answer
        elif job.is_final:
            assert (answer.status, answer.json()["state"]) == (409, job.state)
        elif job.state == "running":
            assert answer.status == 202, answer
            job.is_cancel_wished = True
        else:
            assert answer.status == 200, answer
            job.state = "cancelled"

    @rule(target=jobs, job=jobs)
    def rerun(self, job: Model) -> Any:
        answer = self._ask("POST", f"/jobs/{job.id}/rerun")
        if job.is_final and not job.is_deleted:
            assert answer.status == 202, answer
            return Model(answer.json()["id"], job.type)
        assert answer.status == (410 if job.is_deleted else 409), answer
        return multiple()

    @rule(job=jobs)
    def delete(self, job: Model) -> None:
        answer = self._ask("DELETE", f"/jobs/{job.id}")
        if job.is_deleted:
            assert answer.status == 410, answer
        else:
            assert answer.status == (204 if job.is_final else 409), answer
            job.is_deleted = job.is_final


def run(size: Size, seed_: int) -> Found:
    with trial(seed=seed_, settings={"POLLABLE_LEASE_S": f"{LEASE_S:g}"}) as model:
        model.open(workers=0)
        Jobs.hand, Jobs.steps = Hand(model), 0
        chosen = settings(
            max_examples=int(size["steps"] / STEPS),
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(seed(seed_)(Jobs), settings=chosen)
        except AssertionError as error:
            model.violations.append(f"{error!r} {getattr(error, '__notes__', '')}")
        model.judge()
        model.figures = {"steps": Jobs.steps}
        return Found(model.violations, model.figures)


scenario = Scenario(
    name="stateful_model",
    procedure="Hypothesis state machine: submit, resubmit, poll, begin, end, cancel, rerun, delete, kill, time",
    passes="every step agrees with the model",
    full={"steps": 10_000},
    short={"steps": 500},
    run=run,
)
