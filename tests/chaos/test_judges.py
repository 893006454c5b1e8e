"""The judges of the suite see what they are there for: each invariant has its violation, each figure its cause."""

from collections.abc import Sequence

import pytest
import redis

from chaos import invariants, oracle
from chaos.calling import Answer, Traffic
from chaos.journal import Entry
from chaos.oracle import Evidence, Kill
from chaos.poller import Change, Poller, Seen, wrong_between

WORKER, HORSE, NEXT = 100, 101, 201


def shown(state: str, attempts: int = 1, *, result: str = "", most: int = 3) -> Seen:
    return Seen(state, attempts, most, state == "succeeded", f"{state} {attempts} {result}".encode())


LEGAL = [
    (None, shown("queued", 0)),
    (shown("queued", 0), shown("running")),
    (shown("running"), shown("queued")),
    (shown("running"), shown("running", 2)),
    (shown("running"), shown("scheduled")),
    (shown("scheduled", 0), shown("queued", 0)),
    (shown("queued", 0), shown("succeeded")),
    (shown("running"), shown("cancelled")),
]
ILLEGAL = [
    (shown("succeeded", result="one"), shown("succeeded", result="two"), "I2"),
    (shown("failed"), shown("queued"), "I2"),
    (shown("cancelled"), shown("succeeded"), "I2"),
    (shown("running", 2), shown("running", 1), "I3"),
    (shown("queued", 0), shown("running", 0), "I3"),
    (shown("queued", 1), shown("scheduled", 1), "I3"),
    (shown("running", 3), shown("running", 4), "I3"),
    (shown("running"), Seen("succeeded", 1, 3, False, b""), "I3"),
    (shown("running"), Seen("failed", 1, 3, True, b""), "I3"),
]


@pytest.mark.parametrize(("before", "after"), LEGAL, ids=range(len(LEGAL)))
def test_what_may_be_seen_is_no_violation(before: Seen | None, after: Seen) -> None:
    assert wrong_between(before, after) is None


@pytest.mark.parametrize(("before", "after", "invariant"), ILLEGAL, ids=range(len(ILLEGAL)))
def test_what_no_caller_may_see_is_one(before: Seen, after: Seen, invariant: str) -> None:
    assert str(wrong_between(before, after)).startswith(invariant)


@pytest.mark.parametrize(
    ("answer", "is_wrong"),
    [
        pytest.param(Answer(500, b"", 0.1), True, id="500"),
        pytest.param(Answer(503, b"", 0.1), True, id="503 that does not say when"),
        pytest.param(Answer(503, b"", 0.1, retry_after_s=1), False, id="503"),
        pytest.param(Answer(404, b"", 0.1), False, id="404"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_one(answer: Answer, is_wrong: bool) -> None:
    traffic = Traffic()
    traffic.note("GET /", answer)
    assert bool(traffic.wrong) is is_wrong


def test_a_request_without_an_answer_is_noted() -> None:
    traffic = Traffic()
    traffic.note("GET /", Answer(0, b"", 0.1, error="reset"))
    assert [request for _, request in traffic.lost] == ["GET /: reset after 0.10 s"]


class Face:
    """One job, which has succeeded."""

    answers: Sequence[Seen | None] = [shown("succeeded")]

    def read(self, ids: Sequence[str]) -> list[Seen | None]:
        return list(self.answers) if ids else []


def test_a_job_that_vanishes_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    face = Face()
    poller = Poller(face)
    poller.watch("a")
    poller.read_all()
    monkeypatch.setattr(face, "answers", [None])
    poller.read_all()
    assert poller.violations == [f"I3: a vanished; it was {shown('succeeded')}"]


def test_a_job_that_goes_on_after_its_end_is_one_and_has_an_end_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    face = Face()
    poller = Poller(face)
    poller.watch("a")
    poller.read_all()
    assert not poller.live()
    monkeypatch.setattr(face, "answers", [shown("running")])
    poller.read_all()
    assert poller.live() == {"a"}
    assert [violation.split()[1] for violation in poller.violations] == ["I2:"]


def test_a_job_that_did_not_end_is_one() -> None:
    found = invariants.unended([("a", shown("succeeded")), ("b", shown("running")), ("c", None)])
    assert [violation.split()[1] for violation in found] == ["b", "c"]


def test_a_key_of_an_ended_job_that_lives_for_ever_is_one(redis_client: redis.Redis) -> None:
    redis_client.set("rq:job:ended", "", ex=60)
    redis_client.set("rq:results:ended", "")
    redis_client.set("rq:job:live", "")
    found = invariants.immortal(redis_client, ["ended"])
    redis_client.flushall()
    assert found == ["I5: rq:results:ended has no time to live"]


def entry(event: str, at: float, *, pid: int = HORSE, parent: int = WORKER, attempt: int = 1) -> Entry:
    return Entry(event, "a", attempt, pid, parent, at)


def evidence(entries: Sequence[Entry], changes: Sequence[Change], *kills: Kill) -> Evidence:
    return Evidence(["a"], entries, {"a": changes}, kills, watched_until=100)


ENDED = Change(50, shown("succeeded", 2))


@pytest.mark.parametrize("killed", [WORKER, HORSE])
def test_recovery_is_from_the_kill_to_the_next_start(killed: int) -> None:
    entries = [entry("start", 10), entry("start", 18, pid=NEXT, parent=200, attempt=2), entry("end", 20, pid=NEXT)]
    changes = [Change(11, shown("running")), Change(17.5, shown("queued")), ENDED]
    figures = oracle.figures(evidence(entries, changes, Kill(12, killed)))
    assert (figures["attempts_killed"], figures["begun_again"], figures["recovery_max_s"]) == (1, 1, 6)
    assert (figures["longest_false_running_s"], figures["stuck"], figures["lost"]) == (5.5, 0, 0)


def test_a_job_that_reads_running_until_looking_ended_is_lost_and_stuck() -> None:
    figures = oracle.figures(evidence([entry("start", 10)], [Change(11, shown("running"))], Kill(12, WORKER)))
    assert (figures["lost"], figures["stuck"], figures["longest_false_running_s"]) == (1, 1, 88)


def test_a_job_that_had_told_its_end_before_the_kill_is_no_victim() -> None:
    entries = [entry("start", 10), entry("end", 11)]
    figures = oracle.figures(evidence(entries, [Change(11, shown("succeeded"))], Kill(12, WORKER)))
    assert (figures["attempts_killed"], figures["lost"]) == (0, 0)


def test_two_ends_are_counted() -> None:
    entries = [entry("start", 10), entry("end", 11), entry("start", 12, pid=NEXT), entry("end", 13, pid=NEXT)]
    assert oracle.figures(evidence(entries, [ENDED]))["ran_to_the_end_twice"] == 1
