"""An ETag is another whenever the body is, whatever becomes of a job, in every envelope; else it is the same."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pollable.envelopes.native import Native
from pollable.envelopes.plain import Plain
from pollable.http import tags
from pollable.model import FINAL_STATES, Job, State
from pollable.settings import ENVELOPES, Settings
from pollable.storage import keys
from pollable.worker.claims import Claim, Claims, Ending, Outcome, Progress
from tests.envelopes.compact import envelope as compact
from tests.http.calling import JOB_TYPES, PROJECT_ID, Deployment, catalog_of
from tests.http.test_lifecycle import READS
from tests.keyspace import rq_job

NAMES = (*ENVELOPES, "compact")
PATHS = READS | {"compact": "/c/{id}"}
LARGE = b'"%s"' % (b"x" * 100_000)


@pytest.fixture(scope="module")
def deployment(emptied_redis: Any) -> Iterator[Deployment]:
    """Where each read is Redis' own word: what counts against a quota is never kept."""
    settings = Settings(redis_url=emptied_redis.url, auth="none", redis_risks="accepted", quota_polls=1_000_000)
    seven = msgspec.structs.replace(settings, envelopes=(*ENVELOPES, "tests.envelopes.compact"))
    running = Deployment(seven, catalog=catalog_of(*JOB_TYPES))
    yield running
    running.redis.flushall()
    running.close()


class Life:
    """A job, and what may become of it next."""

    def __init__(self, deployment: Deployment) -> None:
        self.id = deployment.submit("AI_PREVIEW", {"text": "a"}, project=PROJECT_ID)
        self._deployment = deployment
        self._claims = Claims(deployment.redis, lease_s=30, types=["AI_PREVIEW"])
        self._claim: Claim | None = None

    def start(self) -> None:
        claim = self._claims.claim(self.id)
        self._claim = claim if isinstance(claim, Claim) else self._claim

    def progress(self) -> None:
        self._renew(Progress(percent=50, message="half"))

    def lapse(self) -> None:
        """Nobody writes that a lease is over."""
        if self._claim is not None:
            self._deployment.redis.hset(keys.record(self.id), "lease_until", 1)

    def succeed(self) -> None:
        self._complete(Outcome(kind=Ending.SUCCEEDED, result=b'{"analysisId":null}'))

    def succeed_at_length(self) -> None:
        self._complete(Outcome(kind=Ending.SUCCEEDED, result=LARGE))

    def fail(self) -> None:
        self._complete(Outcome(kind=Ending.FAILED, code="exception", message="It broke."))

    def try_again(self) -> None:
        self._complete(Outcome(kind=Ending.FAILED, code="exception", message="It broke.", may_retry=True))

    def requeue(self) -> None:
        if self._deployment.redis.hget(rq_job(self.id), "status") == b"failed":
            self._deployment.redis.hset(rq_job(self.id), mapping={"status": "queued", "enqueued_at": "later"})

    def cancel(self) -> None:
        self._deployment.post(f"/jobs/{self.id}/cancel")

    def _renew(self, progress: Progress) -> None:
        if self._claim is not None:
            self._claims.renew(self._claim, progress=progress)

    def _complete(self, outcome: Outcome) -> None:
        if self._claim is not None:
            self._claims.complete(self._claim, outcome)


STEPS: tuple[Callable[[Life], None], ...] = (
    *(Life.start, Life.progress, Life.lapse, Life.succeed, Life.succeed_at_length),
    *(Life.fail, Life.try_again, Life.requeue, Life.cancel),
)


@examples(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([Life.progress, Life.lapse, Life.fail, Life.requeue, Life.start, Life.succeed])
@example([Life.try_again, Life.start, Life.succeed_at_length])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=3, max_size=6))
def test_the_tag_is_another_when_the_body_is(deployment: Deployment, steps: list[Callable[[Life], None]]) -> None:
    life = Life(deployment)
    bodies: dict[tuple[str, str], bytes] = {}
    before: dict[str, tuple[str, bytes]] = {}
    for step in (lambda _: None, Life.start, *steps):
        step(life)
        for name in NAMES:
            path = PATHS[name].format(id=life.id)
            read = deployment.get(path, **({"if_none_match": before[name][0]} if name in before else {}))
            if read.status_code == 304:
                assert read.headers["etag"] == before[name][0]
                read = deployment.get(path)
            now = read.headers["etag"], read.content
            assert bodies.setdefault((name, now[0]), now[1]) == now[1]
            if name in before:
                assert (now[0] == before[name][0]) == (now[1] == before[name][1])
            assert deployment.get(path, if_none_match=f'"x", W/{now[0]}').status_code == 304
            before[name] = now


def sent(deployment: Deployment) -> int:
    statistics: Any = deployment.redis.info("stats")
    return int(statistics["total_net_output_bytes"])


def test_who_knows_a_large_result_costs_redis_none_of_it(deployment: Deployment) -> None:
    life = Life(deployment)
    life.start()
    life.succeed_at_length()
    path = PATHS["native"].format(id=life.id)
    for coding in ("identity", "gzip"):
        etag = deployment.get(path, accept_encoding=coding).headers["etag"]
        before = sent(deployment)
        answer = deployment.get(path, accept_encoding=coding, if_none_match=etag)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert answer.headers["cache-control"] == "private, no-cache"
        assert "ratelimit" in answer.headers
        # Redis' own statistics are some kilobytes.
        assert sent(deployment) - before < len(LARGE) // 2


@pytest.mark.parametrize("odd", ["-", "--", "1-", "x" * 5_000, "\u00ff", "1-1"])
def test_a_tag_of_ours_that_never_was_is_none(deployment: Deployment, odd: str) -> None:
    life = Life(deployment)
    life.start()
    life.succeed()
    path = PATHS["native"].format(id=life.id)
    edition = deployment.get(path).headers["etag"].partition("-")[0]
    known = f'{edition}-{odd}"'.encode("latin-1")
    assert deployment.request("GET", path, headers=[(b"if-none-match", known)]).status_code == 200


def test_a_record_of_an_older_release_has_a_digest_for_a_tag(deployment: Deployment) -> None:
    life = Life(deployment)
    life.start()
    life.succeed()
    path = PATHS["plain"].format(id=life.id)
    versioned = deployment.get(path).headers["etag"]
    deployment.redis.hdel(keys.record(life.id), "version")
    digest = deployment.get(path).headers["etag"]
    assert versioned.count("-") == 2
    assert "-" not in digest
    assert deployment.get(path, if_none_match=digest).status_code == 304
    assert deployment.get(path, if_none_match=versioned).status_code == 200


def test_a_tag_tells_paths_below_one_prefix_from_those_below_another() -> None:
    editions = {tags.edition(api, prefix) for api in (Native, Plain) for prefix in ("", "/a", "/b")}
    assert len(editions) == 6
    assert b"" not in editions
    # What other code prints may change without a version.
    assert tags.edition(type(compact), "") == b""


def test_only_a_job_that_ended_is_known_by_its_version() -> None:
    for state in State:
        job = Job(id="a", type="a", state=state, rq_status="", queue="", created_at=1, updated_at=2, version=3)
        assert (tags.etag(b"of", job) == b'"of-3-2"') == (state in FINAL_STATES)


def test_a_tag_with_lines_in_it_moves_nothing(deployment: Deployment) -> None:
    life = Life(deployment)
    life.start()
    life.succeed()
    path = PATHS["native"].format(id=life.id)
    edition = deployment.get(path).headers["etag"].partition("-")[0].encode()
    # No server of HTTP lets this through.
    known = edition + b'-x\n1\n\n\n"'
    answer = deployment.request("GET", path, headers=[(b"if-none-match", known)])
    assert (answer.status_code, answer.json()["id"]) == (200, life.id)
    assert "ratelimit" in answer.headers
