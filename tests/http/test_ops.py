"""Health and readiness."""

import msgspec
import pytest
from rq import Queue, Worker

from service.settings import Settings
from tests.http.calling import Deployment, catalog_of


def test_health_asks_nobody() -> None:
    deployment = Deployment(Settings(redis_url="redis://127.0.0.1:1/0"))
    answer = deployment.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    deployment.close()


def test_ready_means_a_worker_on_every_queue(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, queues=("high", "low")), catalog=catalog_of())
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


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 503)])
def test_platforms_have_no_credentials(settings: Settings, path: str, status: int) -> None:
    guarded = Deployment(
        Settings(redis_url=settings.redis_url, auth=("jwt",), jwt_secret="s" * 64), catalog=catalog_of()
    )
    assert guarded.get(path).status_code == status
    guarded.close()
