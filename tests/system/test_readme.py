"""The documents' commands do what the documents show."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.system.running import ROOT, Running, free_port, is_ready, running, until

SHOWN = re.compile(r"^\$ (curl .*)\n(\{.*\})$", re.MULTILINE)


def curl(service: Running, command: str, *, job_id: str) -> Any:
    """What the command prints, asked of this service and this job."""
    words = shlex.split(re.sub(r"(?<=job_id=)[0-9a-f-]{36}", job_id, command))
    path = words[-1].removeprefix("http://127.0.0.1:8000")
    body = words[words.index("-d") + 1] if "-d" in words else None
    answer = service.http.post(path, json=json.loads(body)) if body else service.http.get(path)
    return answer.json()


def test_the_three_curls_of_the_readme_answer_what_it_shows(procfile: Running) -> None:
    submit, first, last = SHOWN.findall((ROOT / "README.md").read_text())
    job_id = curl(procfile, submit[0], job_id="")["job_id"]
    until(lambda: curl(procfile, first[0], job_id=job_id) == json.loads(first[1]))
    until(lambda: curl(procfile, last[0], job_id=job_id) == json.loads(last[1]))


@pytest.mark.parametrize("document", ["README.md", "docs/getting-started.md"])
def test_the_job_type_that_a_document_teaches_works(document: str, redis_url: str, tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    assert found is not None
    (tmp_path / "shop.py").write_text(found[1])
    with taught(tmp_path, redis_url) as service:
        until(lambda: is_ready(service))
        for command, shown in SHOWN.findall((ROOT / document).read_text()):
            if "print_order" in command:
                assert curl(service, command, job_id="") == json.loads(shown)
        job_id = service.http.post("/print_order", json={"pages": 2}).json()["job_id"]
        until(lambda: service.job_status(job_id) == {"status": "finished", "result": {"printed": 2}})
        too_long = service.http.post("/print_order", json={"pages": 2000}).json()["job_id"]
        until(lambda: service.job_status(too_long)["status"] == "failed")


def taught(directory: Path, redis_url: str) -> Any:
    port = free_port()
    command = [sys.executable, "-m", "pollable", "dev", "--port", str(port)]
    settings = {"REDIS_URL": redis_url, "POLLABLE_JOBS": "shop", "PYTHONPATH": f"{ROOT}:{directory}"}
    return running(command, url=f"http://127.0.0.1:{port}", log=directory / "log", settings=settings)


def test_the_redis_user_that_the_guide_shows_may_do_all_that_is_needed(
    redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    found = re.search(r"^user pollable (.*)$", (ROOT / "docs" / "deploying.md").read_text(), re.MULTILINE)
    assert found is not None
    redis_client.execute_command("ACL", "SETUSER", "pollable", *found[1].split())  # type: ignore[no-untyped-call] # redis-py
    port = free_port()
    command = [sys.executable, "-m", "pollable", "dev", "--port", str(port)]
    settings = {"REDIS_URL": redis_url.replace("unix://", "unix://pollable:PASSWORD@")}
    try:
        with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "log", settings=settings) as service:
            until(lambda: is_ready(service))
            job_id = service.submit(
                text="Ice is a solid. Steam is a gas. Iron is a metal. Water is a liquid.", pace_s=0.1
            )
            until(lambda: service.job_status(job_id)["status"] in ("finished", "failed"))
            rerun = service.http.post(f"/jobs/{job_id}/rerun").json()["id"]
            until(lambda: service.job_status(rerun)["status"] in ("finished", "failed"))
            assert service.stop() == 0
        refused = [entry["object"] for entry in redis_client.acl_log() if entry["username"] == "pollable"]
        # The save points are asked for, and that they are not shown is no risk: CONFIG shows passwords, too.
        assert {command.partition("|")[0] for command in refused} <= {"config"}
    finally:
        redis_client.acl_deluser("pollable")
