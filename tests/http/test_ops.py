"""Health and readiness."""

import msgspec
import pytest
from rq import Queue, Worker

from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from tests.http.calling import JOB_TYPES, Deployment, catalog_of


def test_health_asks_nobody() -> None:
    deployment = Deployment(Settings(redis_url="redis://127.0.0.1:1/0", auth="none"))
    answer = deployment.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    deployment.close()


def test_ready_means_a_worker_on_every_queue(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, queues=("high", "low")), catalog=catalog_of(JOB_TYPES[0]))
    answer = deployment.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")
    assert answer.json()["queues"] == ["high", "low"]
    assert answer.headers["retry-after"] == "5"
    high = Worker([Queue("high", connection=deployment.redis)], connection=deployment.redis)
    high.register_birth()  # type: ignore[no-untyped-call]
    assert deployment.get("/readyz").json()["queues"] == ["low"]
    both = Worker([Queue(name, connection=deployment.redis) for name in ("low", "high")], connection=deployment.redis)
    both.register_birth()  # type: ignore[no-untyped-call]
    assert deployment.get("/readyz").json() == {"status": "ok"}
    # Killed: RQ's set still names it.
    deployment.redis.delete(both.key)
    assert deployment.get("/readyz").json()["queues"] == ["low"]
    high.register_death()  # type: ignore[no-untyped-call]
    deployment.redis.delete("rq:workers", "rq:workers:low", "rq:workers:high")
    deployment.close()


def test_a_type_that_no_living_worker_knows_is_told_and_takes_nothing_out_of_service(settings: Settings) -> None:
    deployment = Deployment(settings)
    script = deployment.redis.register_script(source("announce"))
    known = ["anything", "generate_assessment"]
    script(args=[keys.PREFIX, keys.RQ_PREFIX, " ".join(known), *settings.queues])
    answer = deployment.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    everything = sorted(each.name for each in JOB_TYPES)
    assert answer.json()["typesWithoutWorker"] == [name for name in everything if name not in known]
    script(args=[keys.PREFIX, keys.RQ_PREFIX, " ".join(everything), *settings.queues])
    assert deployment.get("/readyz").json() == {"status": "ok"}
    deployment.close()


def test_the_type_of_a_waiting_job_counts_although_this_process_does_not_know_it(settings: Settings) -> None:
    newer = Deployment(settings)
    newer.submit("anything")
    older = Deployment(settings, catalog=catalog_of(JOB_TYPES[0]))
    script = older.redis.register_script(source("announce"))
    script(args=[keys.PREFIX, keys.RQ_PREFIX, JOB_TYPES[0].name, *settings.queues])
    assert older.get("/readyz").json() == {"status": "ok", "typesWithoutWorker": ["anything"]}
    newer.close()
    older.close()


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 503)])
def test_platforms_have_no_credentials(settings: Settings, path: str, status: int) -> None:
    guarded = Deployment(
        Settings(redis_url=settings.redis_url, auth=("jwt",), jwt_secret="s" * 64), catalog=catalog_of(JOB_TYPES[0])
    )
    assert guarded.get(path).status_code == status
    guarded.close()


def test_a_process_that_takes_no_jobs_needs_no_workers(settings: Settings) -> None:
    reads_alone = Deployment(msgspec.structs.replace(settings, foreign_jobs="read"), catalog=catalog_of())
    assert reads_alone.get("/readyz").json() == {"status": "ok"}
    reads_alone.close()
