"""`python -m pollable demo` and `dev`, as `make demo` and `make dev` run them, with no terminal."""

import subprocess
import sys
from pathlib import Path

from tests.system.running import ROOT, demo_port, environment, free_port, is_ready, running, until


def test_the_demo_shows_a_job_from_submit_to_null(tmp_path: Path) -> None:
    shown = demo(tmp_path, "--once")
    assert shown.returncode == 0, shown.stderr
    steps = ["POST /generate_assessment", '202 {"job_id":', "100 %  succeeded", "<- correct", '200 {"status":null}']
    assert [step for step in steps if step not in shown.stdout] == []


def test_the_demo_fails_with_the_reason_where_the_text_gives_no_questions(tmp_path: Path) -> None:
    text = tmp_path / "short.txt"
    text.write_text("Too short.")
    shown = demo(tmp_path, "--once", "--text", str(text))
    assert shown.returncode == 1
    assert "too few sentences" in shown.stderr


def demo(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    with demo_port():
        return subprocess.run(
            [sys.executable, "-m", "pollable", "demo", *arguments],
            cwd=ROOT,
            env=environment(TMPDIR=str(directory)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )


def test_dev_serves_until_sigterm_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "pollable", "dev", "--port", str(port)]
    with running(
        command, url=f"http://127.0.0.1:{port}", log=tmp_path / "log", settings={"TMPDIR": str(tmp_path)}
    ) as dev:
        until(lambda: is_ready(dev))
        job_id = dev.submit(text="Water is a liquid. Ice is a solid. Steam is a gas. Iron is a metal. Gold is a metal.")
        until(lambda: dev.job_status(job_id)["status"] in ("finished", "failed"))
        assert dev.stop() == 0
    assert "Redis" in dev.log
    until(lambda: list(tmp_path.glob("pollable-*")) == [])


def test_dev_shows_what_an_unexpected_exception_says_and_says_so(redis_url: str, tmp_path: Path) -> None:
    source = "from pollable import job_type\n\n@job_type('divide')\ndef divide(by: int) -> float:\n    return 1 / by\n"
    (tmp_path / "divisions.py").write_text(source)
    port = free_port()
    command = [sys.executable, "-m", "pollable", "dev", "--port", str(port), "--jobs", "divisions"]
    settings = {"REDIS_URL": redis_url, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "log", settings=settings) as dev:
        until(lambda: is_ready(dev))
        job_id = dev.http.post("/jobs", json={"type": "divide", "payload": 0}).json()["id"]
        until(lambda: dev.job_status(job_id)["status"] == "failed")
        assert dev.job_status(job_id)["error"] == "The job failed: ZeroDivisionError. division by zero"
        until(lambda: "POLLABLE_EXPOSE_ERRORS=true" in dev.log)


def test_dev_takes_the_redis_that_is_given(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "pollable", "dev", "--port", str(port)]
    settings = {"REDIS_URL": redis_url}
    with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "log", settings=settings) as dev:
        until(lambda: is_ready(dev))
        assert "the one that REDIS_URL names" in dev.log
