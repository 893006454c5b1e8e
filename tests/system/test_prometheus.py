"""A real Prometheus scrapes two web processes and a worker; the board asks it, and the alerts' rules run in it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.system.running import Running, running, until
from tests.system.scraping import FILES, Prometheus, needs_prometheus, scraping
from tests.system.web import Webs, webs  # noqa: F401 - a fixture

BOARD = json.loads((FILES / "dashboard.json").read_text())
QUESTIONS = sorted({target["expr"] for panel in BOARD["panels"] for target in panel["targets"]})
ALERTS = [rule for group in yaml.safe_load((FILES / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
OTHERS = (
    # What the board of rq-exporter asks.
    *('sum(rq_jobs{status="finished"}) by (queue)', "count(rq_workers)", 'count(rq_workers{state="idle"})'),
    "rate(rq_request_processing_seconds_sum[1m]) / rate(rq_request_processing_seconds_count[1m])",
    "sum(rq_workers_success_total)",
)

pytestmark = needs_prometheus


@pytest.fixture
def web(webs: Webs) -> Running:  # noqa: F811
    return webs.start(2, POLLABLE_METRICS="public")


@pytest.fixture
def worker(webs: Webs, web: Running) -> Iterator[Running]:  # noqa: F811
    with running(
        [sys.executable, "-m", "pollable", "worker"],
        url=web.url,
        log=webs.directory / "worker.log",
        settings={**webs.settings, "POLLABLE_JOBS": "tests.system.patient"},
    ) as started:
        yield started


@pytest.fixture
def prometheus(web: Running, tmp_path: Path) -> Iterator[Prometheus]:
    with scraping(web, tmp_path) as started:
        yield started


@pytest.mark.usefixtures("worker")
def test_what_prometheus_sees_is_what_happened(web: Running, prometheus: Prometheus) -> None:
    with httpx.Client(base_url=web.url, trust_env=False) as http:
        for _ in range(3):
            assert http.post("/nap", json=0.1).status_code == 202
        http.post("/jobs", json={"type": "doze", "payload": -1})
        until(lambda: prometheus.number("sum(pollable_jobs_ended_total)") >= 3)
        # Both processes answer, each on connections of its own, and any of them tells of all.
        for _ in range(20):
            with httpx.Client(base_url=web.url, trust_env=False) as once:
                assert once.get("/jobs/nothing").status_code == 404
    polls = 'pollable_http_requests_total{route="/jobs/{id}",status="404"}'
    until(lambda: prometheus.number(polls) == 20)
    assert prometheus.number("pollable_web_processes") == 2
    assert prometheus.number('pollable_jobs_ended_total{type="nap",outcome="succeeded"}') == 3
    assert prometheus.number('pollable_job_run_seconds_count{type="nap"}') == 3
    assert prometheus.number('sum(pollable_jobs{type="nap"})') == 0
    assert prometheus.number('sum(pollable_queue_workers{queue="pollable"})') == 1
    for question in (*QUESTIONS, *OTHERS):
        asked = question.replace("$__rate_interval", "30s")
        # What only goes wrong elsewhere has no series here; all else has.
        assert prometheus.ask(asked) or 'outcome="failed"' in asked or "retried" in asked or "[45].." in asked, asked
    rules = {rule["name"]: rule for rule in prometheus.rules()}
    assert set(rules) == {rule["alert"] for rule in ALERTS}
    assert {name: rule.get("lastError", "") for name, rule in rules.items() if rule["health"] == "err"} == {}
