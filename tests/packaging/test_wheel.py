"""The wheel, installed where nothing of the checkout can be seen."""

import subprocess
import zipfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pollable import __version__
from tests.system.running import demo_port, environment, free_port, until
from tests.system.test_working_directory import is_ready

HOSTILE = "raise SystemExit('a package of the working directory was imported')\n"
SHOP = "from pollable import job_type\n\n\n@job_type\ndef double(number: int) -> int:\n    return 2 * number\n"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A working directory whose packages have the names of the checkout's."""
    for name in ("service", "examples"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(HOSTILE)
    (tmp_path / "worker.py").write_text(HOSTILE)
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def test_the_wheel_puts_one_name_at_the_top_level(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"pollable", f"pollable-{__version__}.dist-info"}
    assert "pollable/py.typed" in names
    assert "pollable/storage/scripts/submit.lua" in names
    assert "pollable/examples/texts/photosynthesis.txt" in names
    assert {"pollable/web/client.js", "pollable/web/client.d.ts"} <= set(names)


@pytest.mark.parametrize("command", [["pollable"], ["python", "-m", "pollable"]], ids=["script", "module"])
def test_the_installed_command_answers_beside_packages_of_other_names(
    scripts: Path, hostile: Path, command: list[str]
) -> None:
    program = [str(scripts / command[0]), *command[1:]]
    settings = environment(POLLABLE_JOBS="shop")
    del settings["PYTHONPATH"]
    told = subprocess.run(
        [*program, "--version"], cwd=hostile, env=settings, capture_output=True, text=True, timeout=60
    )
    assert (told.returncode, told.stdout) == (0, f"pollable, version {__version__}\n"), told.stderr


def test_the_demo_runs_from_the_wheel_alone(scripts: Path, hostile: Path) -> None:
    settings = environment(POLLABLE_JOBS="shop")
    del settings["PYTHONPATH"]
    command = [str(scripts / "pollable"), "demo", "--once"]
    with demo_port():
        shown = subprocess.run(command, cwd=hostile, env=settings, capture_output=True, text=True, timeout=90)
    assert shown.returncode == 0, shown.stderr
    assert "100 %  succeeded" in shown.stdout


def test_it_is_the_wheel_that_runs(scripts: Path, hostile: Path) -> None:
    settings = environment()
    del settings["PYTHONPATH"]
    command = [str(scripts / "python"), "-c", "import pollable; print(pollable.__file__)"]
    told = subprocess.run(command, cwd=hostile, env=settings, capture_output=True, text=True, timeout=60)
    assert Path(told.stdout.strip()).is_relative_to(scripts.parent), told.stderr


def test_web_and_worker_run_from_the_wheel_alone(scripts: Path, hostile: Path, redis_url: str) -> None:
    port = free_port()
    settings = environment(REDIS_URL=redis_url, PORT=str(port), POLLABLE_HOST="127.0.0.1", POLLABLE_JOBS="shop")
    del settings["PYTHONPATH"]
    with ExitStack() as stack, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        for command in ("serve", "worker"):
            started = stack.enter_context(subprocess.Popen([scripts / "pollable", command], cwd=hostile, env=settings))
            stack.callback(started.terminate)
        until(lambda: is_ready(http))
        job_id = http.post("/jobs", json={"type": "double", "payload": 4}).json()["id"]
        until(lambda: http.get(f"/jobs/{job_id}").json()["result"] == 8)
