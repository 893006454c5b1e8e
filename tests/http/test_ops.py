"""Health and readiness."""

import pytest
from rq import Queue, Worker

from service.settings import Settings
from tests.http.calling import Deployment, catalog_of, job_type


def test_health_asks_nobody() -> None:
    deployment = Deployment(Settings(redis_url="redis://127.0.0.1:1/0"))
    answer = deployment.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    deployment.close()


def test_ready_means_a_worker_on_every_queue_in_use(settings: Settings) -> None:
    catalog = catalog_of(job_type("quick", queue="high"), job_type("slow", queue="low"))
    deployment = Deployment(settings, catalog=catalog)
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


def test_without_job_types_redis_is_enough(settings: Settings) -> None:
    deployment = Deployment(settings, catalog=catalog_of(job_type("quick", queue="high")))
    assert deployment.get("/readyz").status_code == 503
    deployment.close()
    empty = Deployment(settings, catalog=catalog_of())
    assert empty.get("/readyz").status_code == 200
    empty.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_platforms_have_no_credentials(settings: Settings, path: str) -> None:
    guarded = Deployment(
        Settings(redis_url=settings.redis_url, auth=("jwt",), jwt_secret="s" * 64), catalog=catalog_of()
    )
    assert guarded.get(path).status_code == 200
    guarded.close()
