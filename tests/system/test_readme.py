"""The documents' commands do what the documents show."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

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
