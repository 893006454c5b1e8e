"""Metrics: who may read them, what is counted of requests and processes, and that no counter goes back."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis
from prometheus_client.openmetrics import parser as open_metrics
from rq import Queue, Worker

from pollable.app import create_app
from pollable.cli import issued_tokens
from pollable.cli.embedded import Private
from pollable.errors import SettingsError
from pollable.http import metrics
from pollable.settings import Settings
from tests.http.calling import JOB_TYPES, Deployment, catalog_of
from tests.http.scraped import Counter, scraped
from tests.http.test_lifecycle import READS
from tests.system.running import ROOT

COUNTS = "rq:pollable:counts"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape looks, and nothing is added but by a scrape, or by the end."""
    monkeypatch.setattr(metrics, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(metrics, "ADDED_EVERY_S", 3600.0)


@pytest.fixture
def measured(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, metrics="public")


@pytest.fixture
def deployment(measured: Settings) -> Iterator[Deployment]:
    made = Deployment(measured)
    made.get("/metrics")
    yield made
    made.close()


def test_unless_they_are_on_there_are_none_and_nothing_is_counted(settings: Settings) -> None:
    deployment = Deployment(settings)
    assert deployment.get("/metrics").status_code == 404
    deployment.succeed(deployment.submit())
    deployment.close()
    with redis.Redis.from_url(settings.redis_url) as client:
        assert not client.exists(COUNTS)


WHO = {
    "nobody": ((), 401),
    "who may read and write jobs": (("jobs:read", "jobs:write"), 403),
    "an operator's scraper": (("jobs:admin",), 200),
    "an operator": (("jobs:read", "jobs:write", "jobs:admin"), 200),
}


@pytest.mark.parametrize("who", WHO)
def test_they_are_for_admins_unless_everyone_may_read_them(settings: Settings, who: str) -> None:
    scopes, status = WHO[who]
    guarded = Deployment(msgspec.structs.replace(settings, auth=("tokens",), metrics="admin"))
    public = Deployment(msgspec.structs.replace(settings, auth=("tokens",), metrics="public"))
    token, _ = issued_tokens.create(guarded.redis, "prometheus", scopes=scopes, lifetime_s=60) if scopes else ("", None)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = guarded.get("/metrics", **headers)
    assert answer.status_code == status
    assert ("pollable_" in answer.text) == (status == 200)
    assert public.get("/metrics", **headers).status_code == 200
    guarded.close()
    public.close()


def test_without_the_extra_the_start_says_what_to_install(measured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "pollable.http.figures", raising=False)
    with pytest.raises(SettingsError, match=r"POLLABLE_METRICS=public needs .*pip install 'pollable\[metrics\]'"):
        create_app(measured, catalog=catalog_of(*JOB_TYPES))


def test_both_formats_say_the_same(deployment: Deployment) -> None:
    deployment.succeed(deployment.submit())
    accepted = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4;q=0.5"
    answer = deployment.get("/metrics", accept=accepted)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    opened = {family.name for family in open_metrics.text_string_to_metric_families(answer.text)}  # type: ignore[no-untyped-call]
    plain = deployment.get("/metrics", accept="*/*")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert opened == set(scraped(deployment).families)
    head = deployment.request("HEAD", "/metrics")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("accepted", ["", "x", "application/openmetrics-text;version=nan;escaping=\u00e9", "," * 500])
def test_whatever_is_accepted_something_is_sent(deployment: Deployment, accepted: str) -> None:
    assert deployment.request("GET", "/metrics", headers={"accept": accepted.encode("latin-1")}).status_code == 200


def test_requests_count_by_the_template_of_their_route(deployment: Deployment) -> None:
    job_id = deployment.submit()
    for path in ("/jobs/nothing", f"/jobs/{job_id}", f"/jobs/{job_id}?wait=0", "/what/ever", "/jobs"):
        deployment.get(path)
    deployment.request("BREW", "/jobs")
    deployment.post("/jobs", {"type": "none"})
    told = scraped(deployment)
    requests = "pollable_http_requests_total"
    assert told(requests, route="/jobs/{id}", method="GET", status="200") == 2
    assert told(requests, route="/jobs/{id}", method="GET", status="404") == 1
    assert told(requests, route="none", status="404") == 1
    assert told(requests, route="/jobs", method="POST", status="202") == 1
    assert told(requests, route="/jobs", method="POST", status="422") == 1
    assert told(requests, method="other", status="405") == 1
    assert told("pollable_http_request_seconds_count") == told(requests) == 9
    assert 0 < told("pollable_http_request_seconds_sum") < 60
    assert "nothing" not in told.text
    assert job_id not in told.text


def test_every_envelope_has_routes_of_its_own(deployment: Deployment) -> None:
    job_id = deployment.submit()
    for path in READS.values():
        deployment.get(path.format(id=job_id))
    told = scraped(deployment)
    routes = {dict(labels)["route"] for labels in told.samples["pollable_http_requests_total"]}
    assert len(routes - {"none", "/metrics", "/jobs"}) == len({path.partition("?")[0] for path in READS.values()})


def test_calls_of_redis_and_their_batches_count(deployment: Deployment) -> None:
    before = scraped(deployment)
    job_id = deployment.submit()
    for _ in range(3):
        deployment.get(f"/jobs/{job_id}")
    after = scraped(deployment)
    batch = "pollable_redis_batch_size"
    assert after(f"{batch}_count", script="read") - before(f"{batch}_count", script="read") == 3
    assert after(f"{batch}_sum", script="read") - before(f"{batch}_sum", script="read") == 3
    assert (
        after(f"{batch}_bucket", script="submit", le="1.0") - before(f"{batch}_bucket", script="submit", le="1.0") == 1
    )
    # Those, and the two of each scrape; the reaper's come now and then.
    assert after("pollable_redis_calls_total") - before("pollable_redis_calls_total") >= 6


def test_no_counter_goes_back_whoever_is_asked_and_whoever_ends(measured: Settings) -> None:
    seen: dict[Counter, float] = {}
    first, second = Deployment(measured), Deployment(measured)
    for number in range(6):
        asked = (first, second)[number % 2]
        asked.succeed(asked.submit())
        counted = dict(scraped(asked).counters())
        assert [name for name, value in seen.items() if counted.get(name, 0) < value] == []
        seen = counted
        if number == 3:
            second.close()
            second = Deployment(measured)
    # All that either has answered, but for the scrape itself: what a process has not told yet it tells as it ends.
    first.close()
    told = scraped(second)
    assert told("pollable_http_requests_total", route="/jobs", status="202") == 6
    assert told("pollable_http_requests_total", route="/metrics") == 6
    assert told("pollable_web_processes") == 1
    assert [name for name, value in seen.items() if dict(told.counters())[name] < value] == []
    second.close()


def test_what_redis_does_not_take_is_added_later(redis_program: Path) -> None:
    private = Private(redis_program)
    settings = Settings(redis_url=private.url, auth="none", redis_risks="accepted", metrics="public")
    deployment = Deployment(settings)
    deployment.get("/metrics")
    deployment.redis.config_set("maxmemory", "1")
    for _ in range(5):
        deployment.get("/healthz")
    assert deployment.get("/metrics").status_code == 503
    deployment.redis.config_set("maxmemory", "0")
    told = scraped(deployment)
    assert told("pollable_http_requests_total", route="/healthz") == 5
    assert told("pollable_http_requests_total", route="/metrics", status="503") == 1
    deployment.close()
    private.close()


def test_rqs_own_queues_and_workers_have_rq_exporters_names(deployment: Deployment) -> None:
    client = deployment.redis
    high, low = (Queue(name, connection=client) for name in ("high", "pollable-low"))
    worker = Worker([high, low], connection=client, name="stock")
    worker.register_birth()  # type: ignore[no-untyped-call]
    worker.set_state("busy")
    worker.increment_successful_job_count()
    jobs = [high.enqueue("time.time", job_timeout=60) for _ in range(3)]
    told = scraped(deployment)
    assert told("rq_jobs", queue="high", status="queued") == high.count == 3
    assert told("rq_jobs", queue="high", status="failed") == 0
    assert told("rq_workers", name="stock", queues="high,pollable-low", state="busy") == 1
    assert told("rq_workers_success_total", name="stock", queues="high,pollable-low") == 1
    assert told("rq_workers_failed_total", name="stock") == 0
    assert told("pollable_queue_workers", queue="pollable-low") == 1
    assert told("pollable_queue_workers", queue="pollable") == 0
    now_s = client.time()[0]
    assert now_s - 30 < told("pollable_worker_heartbeat_timestamp_seconds", worker="stock") <= now_s + 1
    for job in jobs:
        job.delete()
    worker.register_death()  # type: ignore[no-untyped-call]
    assert scraped(deployment)("rq_workers") == 0
    client.delete("rq:queues", worker.key)


def test_another_release_may_have_had_other_bounds(deployment: Deployment) -> None:
    name = "run\tanything\t"
    deployment.redis.hset(
        COUNTS, mapping={f"{name}0.3": 2, f"{name}7200": 1, f"{name}sum": 9_000_000, f"{name}odd": "x"}
    )
    told = scraped(deployment)
    assert told("pollable_job_run_seconds_bucket", le="0.25") == 0
    assert told("pollable_job_run_seconds_bucket", le="0.5") == 2
    assert told("pollable_job_run_seconds_bucket", le="3600.0") == 2
    assert told("pollable_job_run_seconds_count") == 3
    assert told("pollable_job_run_seconds_sum") == 9


def test_the_description_has_the_route_where_there_is_one(settings: Settings) -> None:
    for value, auth, security in (
        ("off", "none", None),
        ("public", "tokens", None),
        ("admin", "tokens", [{"bearer": ["jobs:admin"]}]),
    ):
        changed = msgspec.structs.replace(settings, metrics=value, auth=(auth,), public_docs=True)
        deployment = Deployment(changed)
        described = deployment.get("/openapi.json").json()["paths"].get("/metrics")
        assert (described is None) == (value == "off")
        if described is not None:
            assert described["get"].get("security") == security
            assert "text/plain" in described["get"]["responses"]["200"]["content"]
        deployment.close()


TYPES = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)


def test_the_document_has_every_metric_with_its_labels(deployment: Deployment) -> None:
    worker = Worker([Queue("pollable", connection=deployment.redis)], connection=deployment.redis, name="stock")
    worker.register_birth()  # type: ignore[no-untyped-call]
    deployment.fail(deployment.submit())
    deployment.retry(deployment.submit("AI_PREVIEW", {"text": "a"}), delay_s=1)
    scraped(deployment)
    told = scraped(deployment)
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in TYPES}
    seen = {
        name: (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
        for name, family in told.families.items()
    }
    assert seen == documented
    assert all(family.samples for family in told.families.values())
    worker.register_death()  # type: ignore[no-untyped-call]
    deployment.redis.delete(worker.key)
