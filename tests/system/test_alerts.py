"""Each rule of alerts.yml by promtool: which figures wake people, and that those of a quiet day wake nobody."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.system.scraping import FILES

RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((FILES / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
REQUESTS = 'pollable_http_requests_total{job="pollable",method="GET"'
SLOW = 'pollable_http_request_seconds_bucket{method="GET",route="/jobs/{id}"'
# What each minute says for half an hour: in promtool's notation, from + step x times.
QUIET = {
    'up{job="pollable"}': "1x30",
    'pollable_queue_oldest_waiting_seconds{queue="pollable"}': "20x30",
    'pollable_queue_waiting_jobs{queue="pollable"}': "2x30",
    'pollable_queue_workers{queue="pollable"}': "1x30",
    'pollable_worker_heartbeat_timestamp_seconds{worker="w"}': "0+60x30",
    'pollable_jobs_ended_total{type="nap",outcome="succeeded"}': "0+100x30",
    'pollable_jobs_ended_total{type="nap",outcome="failed",code="broken"}': "0+1x30",
    f'{REQUESTS},route="/jobs/{{id}}",status="200"}}': "0+1000x30",
    # Somebody's monitor asks every second whether a worker is there, and is told.
    f'{REQUESTS},route="/readyz",status="503"}}': "0+60x30",
    f'{SLOW},le="0.5"}}': "0+1000x30",
    f'{SLOW},le="1.0"}}': "0+1000x30",
    f'{SLOW},le="+Inf"}}': "0+1000x30",
    "pollable_waiters": "0x30",
}
WAKES: dict[str, dict[str, str]] = {
    "PollableDown": {'up{job="pollable"}': "0x30"},
    "PollableJobsWaitLong": {'pollable_queue_oldest_waiting_seconds{queue="pollable"}': "301+60x30"},
    "PollableQueueWithoutWorkers": {'pollable_queue_workers{queue="pollable"}': "0x30"},
    "PollableWorkerSilent": {'pollable_worker_heartbeat_timestamp_seconds{worker="w"}': "0x30"},
    "PollableWorkersLost": {
        'pollable_jobs_retried_total{type="nap",code="worker_lost"}': "0x10 1x20",
        'pollable_jobs_ended_total{type="nap",outcome="failed",code="worker_lost"}': "0x30",
    },
    "PollableJobsFail": {'pollable_jobs_ended_total{type="nap",outcome="failed",code="broken"}': "0+20x30"},
    "PollableServerErrors": {f'{REQUESTS},route="/jobs/{{id}}",status="503"}}': "0+20x30"},
    "PollablePollsAreSlow": {f'{SLOW},le="0.5"}}': "0+900x30"},
}

# Callers whose polls wait for their jobs, as our own clients' do.
WAITING = WAKES["PollablePollsAreSlow"] | {"pollable_waiters": "0x15 1 0x15"}

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


SLOW_TO_WAKE = "PollableTypeDoesNotRun"
"""Has a case of its own, of more than half an hour."""


def test_every_rule_has_its_case() -> None:
    assert {*WAKES, SLOW_TO_WAKE} == set(RULES)


@pytest.mark.parametrize(
    ("alert", "changed"), [("", {}), ("", WAITING), *WAKES.items()], ids=["quiet", "waiting", *WAKES]
)
def test_a_rule_wakes_people_by_its_own_figures_alone(alert: str, changed: dict[str, str], tmp_path: Path) -> None:
    series = QUIET | changed
    expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else []
    firing = 'count by (alertname) (ALERTS{alertstate="firing"})'
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": firing, "eval_time": "20m", "exp_samples": expected}],
    }
    shutil.copy(FILES / "alerts.yml", tmp_path)
    (tmp_path / "case.yml").write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [case]}))
    said = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "case.yml"], capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_alert_of_a_type_that_does_not_run_is_of_that_type_alone(tmp_path: Path) -> None:
    def live(job_type: str, *, running: int) -> dict[str, str]:
        return {
            f'pollable_jobs{{state="queued",type="{job_type}"}}': "3x60",
            f'pollable_jobs{{state="running",type="{job_type}"}}': f"{running}x60",
        }

    # One that nobody runs; one of long jobs; one of jobs that are over between any two scrapes.
    series = live("stuck", running=0) | live("long", running=1) | live("brisk", running=0)
    series['pollable_job_wait_seconds_count{queue="pollable",type="brisk"}'] = "0+5x60"
    rule = RULES[SLOW_TO_WAKE]
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
