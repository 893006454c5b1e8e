"""The first screen's commands do what it shows; the others are run in tests/packaging/test_trials.py."""

import json
import re
import shlex
from typing import Any

from tests.system.running import ROOT, Running, until

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
