"""A network that loses the reply: what was done is not done again."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from pollable.jobs.changing import JobWriter, Submission
from pollable.model import Job, State
from pollable.storage import keys
from pollable.worker.claims import Claim, Claims, Ending, Outcome
from tests.jobs.workbench import KNOWN, ONCE, OWNER, THRICE, Workbench


class LossyProxy:
    """Stands before Redis; a reply that it was told to lose, it loses with the connection."""

    def __init__(self, redis_socket: str) -> None:
        self._redis_socket = redis_socket
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._to_lose = 0
        self.lost = 0
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, replies: int) -> None:
        """Lose the replies of so many scripts that run from now on."""
        self._to_lose = replies

    def close(self) -> None:
        # Unlike close alone, this wakes the thread that waits in accept.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(self._redis_socket)
            while request := client.recv(1 << 20):
                server.sendall(request)
                reply = server.recv(1 << 20)
                if b"EVALSHA" in request and not reply.startswith(b"-NOSCRIPT") and self._to_lose > 0:
                    self._to_lose -= 1
                    self.lost += 1
                    return
                client.sendall(reply)


@pytest.fixture
def proxy(redis_url: str) -> Iterator[LossyProxy]:
    made = LossyProxy(redis_url.removeprefix("unix://"))
    yield made
    made.close()


@pytest.fixture
def far(proxy: LossyProxy) -> Iterator[Redis]:
    with Redis(host="127.0.0.1", port=proxy.port, retry=Retry(NoBackoff(), 3)) as client:
        yield client


@pytest.mark.parametrize("losses", [1, 3])
@pytest.mark.parametrize("key", [None, "key"], ids=["without a key", "with an idempotency key"])
def test_a_submit_whose_reply_was_lost_is_one_job(
    real_bench: Workbench, proxy: LossyProxy, losses: int, key: str | None
) -> None:
    async def submit() -> Job:
        async with AsyncRedis(port=proxy.port, retry=AsyncRetry(NoBackoff(), 3)) as client:
            jobs = JobWriter(client, settings=real_bench.settings, catalog=real_bench.catalog, reader=real_bench.store)
            await jobs.submit(Submission(type=THRICE, payload=b"0", owner=OWNER))
            proxy.lose(losses)
            submission = Submission(type=ONCE, payload=b"1", owner=OWNER, idempotency_key=key)
            return (await jobs.submit(submission)).job

    job = asyncio.run(submit())
    assert proxy.lost == losses
    assert real_bench.read(job.id) == job
    assert real_bench.queued().count(job.id) == 1
    assert real_bench.redis.zcard(keys.owner(OWNER)) == 2


@pytest.mark.parametrize("losses", [1, 3])
def test_a_claim_whose_reply_was_lost_is_one_attempt(
    real_bench: Workbench, proxy: LossyProxy, far: Redis, losses: int
) -> None:
    job = real_bench.submit()
    proxy.lose(losses)
    claim = Claims(far, lease_s=30, types=KNOWN).claim(job.id)
    assert proxy.lost == losses
    assert isinstance(claim, Claim)
    assert (claim.attempt, real_bench.read(job.id).attempts) == (1, 1)
    assert real_bench.claims.renew(claim) == "held"


@pytest.mark.parametrize("may_retry", [False, True], ids=["final", "retry"])
def test_an_outcome_whose_reply_was_lost_is_one_outcome(
    real_bench: Workbench, proxy: LossyProxy, far: Redis, may_retry: bool
) -> None:
    claim = real_bench.start(THRICE)
    proxy.lose(1)
    outcome = Outcome(kind=Ending.FAILED, code="bad_page", message="page 3 is blank", may_retry=may_retry)
    settlement = Claims(far, lease_s=30, types=KNOWN).complete(claim, outcome)
    assert proxy.lost == 1
    assert (settlement.kind, settlement.attempts_left) == (("retry", 2) if may_retry else ("ended", 0))
    assert real_bench.read(claim.job_id).attempts == 1
    assert "late_outcomes" not in real_bench.record(claim.job_id)


def test_an_outcome_outlives_a_redis_that_does_not_answer(real_bench: Workbench, proxy: LossyProxy, far: Redis) -> None:
    claim = real_bench.start()
    # More than the client itself tries again for.
    proxy.lose(6)
    settlement = Claims(far, lease_s=30, types=KNOWN).complete(claim, Outcome(kind=Ending.SUCCEEDED, result=b"1"))
    assert (settlement.kind, proxy.lost) == ("ended", 6)
    assert real_bench.read(claim.job_id).state is State.SUCCEEDED


def test_a_worker_that_may_not_wait_is_told_that_redis_is_away(
    real_bench: Workbench, proxy: LossyProxy, far: Redis
) -> None:
    claim = real_bench.start(THRICE)
    proxy.lose(6)
    with pytest.raises(RedisConnectionError):
        Claims(far, lease_s=30, types=KNOWN).complete(claim, Outcome(kind=Ending.RELEASED), is_patient=False)
