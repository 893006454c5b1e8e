"""A real Prometheus scrapes two web processes and a worker; the board asks it, and the alerts' rules run in it."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.system.running import ROOT, Running, free_port, running, until
from tests.system.web import Webs, webs  # noqa: F401 - a fixture

FILES = ROOT / "deploy" / "prometheus"
BOARD = json.loads((FILES / "dashboard.json").read_text())
QUESTIONS = sorted({target["expr"] for panel in BOARD["panels"] for target in panel["targets"]})
ALERTS = [rule for group in yaml.safe_load((FILES / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
OTHERS = (
    # What the board of rq-exporter asks.
    *('sum(rq_jobs{status="finished"}) by (queue)', "count(rq_workers)", 'count(rq_workers{state="idle"})'),
    "rate(rq_request_processing_seconds_sum[1m]) / rate(rq_request_processing_seconds_count[1m])",
    "sum(rq_workers_success_total)",
)
NEEDED = ("prometheus", "promtool")

pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED), reason="Prometheus is not installed (Debian: prometheus)"
)


class Prometheus:
    """One on loopback, that scrapes every second, and its HTTP API."""

    def __init__(self, service: Running) -> None:
        self._service = service

    def ask(self, question: str) -> list[dict[str, Any]]:
        answer = self._service.http.get("/api/v1/query", params={"query": question})
        assert answer.status_code == 200, f"{question}: {answer.text}"
        return list(answer.json()["data"]["result"])

    def number(self, question: str) -> float:
        return sum(float(each["value"][1]) for each in self.ask(question))

    def rules(self) -> list[dict[str, Any]]:
        groups = self._service.http.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


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
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FILES / "alerts.yml")]
    (scrape,) = config["scrape_configs"]
    del scrape["authorization"]
    scrape["static_configs"][0]["targets"] = [web.url.removeprefix("http://")]
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={tmp_path}/data"]
    command.append(f"--web.listen-address={address}")
    with running(command, url=f"http://{address}", log=tmp_path / "prometheus.log", settings={}) as started:
        until(lambda: _is_ready(started))
        yield Prometheus(started)


def _is_ready(service: Running) -> bool:
    assert service.process.poll() is None, service.log
    try:
        return service.http.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


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
    assert prometheus.number('sum(pollable_queue_workers{queue="pollable"})') == 1
    for question in (*QUESTIONS, *OTHERS):
        asked = question.replace("$__rate_interval", "30s")
        # What only goes wrong elsewhere has no series here; all else has.
        assert prometheus.ask(asked) or 'outcome="failed"' in asked or "retried" in asked or "[45].." in asked, asked
    rules = {rule["name"]: rule for rule in prometheus.rules()}
    assert set(rules) == {rule["alert"] for rule in ALERTS}
    assert {name: rule.get("lastError", "") for name, rule in rules.items() if rule["health"] == "err"} == {}
