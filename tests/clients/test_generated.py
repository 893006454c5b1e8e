"""docs/clients.md: a client that somebody else's generator makes from the description compiles and runs a job."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import JOBS
from tests.system.running import ROOT, Running, environment

GUIDE = (ROOT / "docs" / "clients.md").read_text().partition("## Generated\n")[2]
COMMANDS, PROGRAM = (
    re.search(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index] # The guide has them
    for language in ("sh", "py")
)


def run(command: list[str], directory: Path, **settings: str) -> str:
    ran = subprocess.run(
        command, cwd=directory, env=environment(**settings), capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """What the guide's commands make, but for the installing of what the tests have."""
    commands = "\n".join(line for line in COMMANDS.splitlines() if not line.startswith("pip install"))
    said = run(["sh", "-ec", commands], tmp_path, POLLABLE_JOBS=JOBS, REDIS_URL="redis://nowhere")
    # It leaves out what it does not understand, with a word of warning.
    assert "arning" not in said
    return tmp_path


def test_a_generated_client_compiles_and_runs_a_job(open_service: Running, generated: Path) -> None:
    (generated / "program.py").write_text(PROGRAM.replace("http://127.0.0.1:8000", open_service.url))
    run([sys.executable, "-m", "compileall", "-q", "jobs_api"], generated)
    # Of the generated files only what they promise: their style is the generator's.
    check = ["--strict", "--follow-imports=silent", "--cache-dir", str(generated / "cache"), "program.py"]
    run([sys.executable, "-m", "mypy", *check], generated)
    shown = re.findall(r"print\(.*\).*# (.*)$", PROGRAM, re.MULTILINE)
    assert len(shown) == 3
    printed = run([sys.executable, "program.py"], generated, no_proxy="*")
    assert printed.splitlines() == shown
