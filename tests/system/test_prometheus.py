"""A real Prometheus scrapes two web processes and a worker; the board asks it, and the alerts' rules run in it."""

import json
import subprocess
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


def test_the_alert_of_a_type_that_does_not_run_is_of_that_type_alone(tmp_path: Path) -> None:
    def live(job_type: str, *, running: int) -> dict[str, str]:
        return {
            f'pollable_jobs{{state="queued",type="{job_type}"}}': "3x60",
            f'pollable_jobs{{state="running",type="{job_type}"}}': f"{running}x60",
        }

    # One that nobody runs; one of long jobs; one of jobs that are over between any two scrapes.
    series = live("stuck", running=0) | live("long", running=1) | live("brisk", running=0)
    series['pollable_job_wait_seconds_count{queue="pollable",type="brisk"}'] = "0+5x60"
    rule = next(rule for rule in ALERTS if rule["alert"] == "PollableTypeDoesNotRun")
    summary = rule["annotations"]["summary"].replace("{{ $value }}", "3").replace("{{ $labels.type }}", "stuck")
    told = {"exp_labels": {"severity": "warning", "type": "stuck"}, "exp_annotations": {"summary": summary}}
    asked = [
        {"eval_time": when, "alertname": rule["alert"], "exp_alerts": alerts}
        for when, alerts in (("10m", []), ("40m", [told]))
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    path = tmp_path / "tests.yml"
    tests = [{"interval": "1m", "input_series": given, "alert_rule_test": asked}]
    path.write_text(yaml.safe_dump({"rule_files": [str(FILES / "alerts.yml")], "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
