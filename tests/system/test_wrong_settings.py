"""Wrong settings, as an operator meets them: web and worker processes that say one line and end."""

import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.running import ROOT, environment, free_port, listens, running, until
from tests.wrong_settings import SECRET, WRONG

Command = tuple[list[str], dict[str, str]]

POLLABLE = [sys.executable, "-m", "pollable"]
ONE_WEB: Command = ([*POLLABLE, "serve"], {})
TWO_WEB: Command = ([*POLLABLE, "serve"], {"WEB_CONCURRENCY": "2"})
WORKER: Command = ([sys.executable, "worker.py"], {})
WORKERS: Command = ([sys.executable, "worker.py", "--workers", "2"], {})
CHECK: Command = ([*POLLABLE, "check"], {})
SUBMIT: Command = ([*POLLABLE, "submit", "nap", "1"], {})
UVICORN: Command = ([sys.executable, "-m", "uvicorn", "--factory", "pollable.server:application", "--port", "0"], {})
WEB = (ONE_WEB, TWO_WEB, CHECK, UVICORN)
BOTH = (ONE_WEB, TWO_WEB, WORKER, WORKERS, CHECK)
ALL = (*BOTH, SUBMIT, UVICORN)
JOBS = "tests.system.patient"


class Deployment:
    """A directory with job modules, and what is said there by commands that are refused."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, module: str, source: str) -> None:
        (self._directory / f"{module}.py").write_text(source)

    def refusals(self, commands: tuple[Command, ...], settings: dict[str, str]) -> list[tuple[int, str]]:
        """Exit code and standard error of each, all started at once."""
        with ExitStack() as stack:
            begun = [stack.enter_context(self._begun(command, {**others, **settings})) for command, others in commands]
            return [(process.wait(40), process.communicate()[1]) for process in begun]

    def _begun(self, command: list[str], settings: dict[str, str]) -> "subprocess.Popen[str]":
        complete = {"POLLABLE_JOBS": JOBS, "POLLABLE_HOST": "127.0.0.1", "PORT": str(free_port()), **settings}
        env = environment(**complete) | {"PYTHONPATH": f"{ROOT}:{self._directory}"}
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path)


SOME = WRONG[:: len(WRONG) // 11]


@pytest.mark.parametrize("at", range(len(SOME)))
def test_a_wrong_setting_stops_processes_with_its_one_line(deployment: Deployment, at: int) -> None:
    line, settings = SOME[at]
    # Each row by some commands, each command with several rows.
    commands = tuple(ALL[(at + step) % len(ALL)] for step in (0, 3))
    for code, said in deployment.refusals(commands, settings):
        assert (code, said) == (2, f"Error: {line}\n")
        assert SECRET not in said


MODULES = {
    "broken_jobs": "import pollable\nraise ValueError('first line\\nsecond line')",
    "leaving_jobs": "import sys\nsys.exit('Good bye.')",
    "no_jobs": "",
    "own_envelope": "from pollable import job_type\n@job_type('a', envelope='fancy')\ndef a(n: int) -> int: return n",
}

OPEN = {"POLLABLE_AUTH": "none", "POLLABLE_HOSTS": "*"}
UNFIT: dict[str, tuple[tuple[Command, ...], dict[str, str], str]] = {
    "no module": (BOTH, {"POLLABLE_JOBS": ""}, "POLLABLE_JOBS is not set"),
    "a module that is not there": (BOTH, {"POLLABLE_JOBS": "no.such"}, "names 'no.such', which cannot be imported"),
    "a module that raises": (BOTH, {"POLLABLE_JOBS": "broken_jobs"}, "ValueError: first line second line"),
    "a module that leaves": (BOTH, {"POLLABLE_JOBS": "leaving_jobs"}, "SystemExit: Good bye."),
    "a module without job types": (BOTH, {"POLLABLE_JOBS": "no_jobs"}, "'no_jobs', which registers no job type"),
    "a queue that is not there": (BOTH, {"POLLABLE_JOBS": "tests.system.elsewhere"}, "goes to queue 'elsewhere'"),
    "an envelope that nobody named": (BOTH, {"POLLABLE_JOBS": "own_envelope"}, "there is no envelope 'fancy'"),
    "an envelope that is not there": (BOTH, {"POLLABLE_ENVELOPES": "no.such"}, "POLLABLE_ENVELOPES names 'no.such'"),
    "everyone let in": (WEB[:3], {"POLLABLE_HOST": "0.0.0.0"}, "would listen on 0.0.0.0 and let everyone in"),
    "a host without address": (WEB[:3], {"POLLABLE_HOST": "no.host.invalid", **OPEN}, "POLLABLE_HOST"),
    "somebody else's host": (WEB[:3], {"POLLABLE_HOST": "192.0.2.1", **OPEN}, "cannot listen on 19"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_what_cannot_work_stops_processes_with_one_line(deployment: Deployment, case: str) -> None:
    for module, source in MODULES.items():
        deployment.write(module, source)
    commands, settings, reason = UNFIT[case]
    # As above; the first one by all.
    at = list(UNFIT).index(case)
    chosen = commands if at < 1 else tuple(commands[(at + step) % len(commands)] for step in (0, 2))
    for code, said in deployment.refusals(chosen, settings):
        assert code == 2, said
        assert reason in said
        assert len(said.splitlines()) == 1


def test_a_port_that_is_taken_stops_web_processes_with_one_line(deployment: Deployment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for code, said in deployment.refusals((ONE_WEB, TWO_WEB), {"PORT": str(port)}):
            assert code == 3
            where = f"127.0.0.1:{port} (POLLABLE_HOST, PORT)"
            assert said == f"Error: The web process cannot listen on {where}: Address already in use.\n"


IN_CHILDREN_ALONE = {
    "raises": "import multiprocessing\nif multiprocessing.parent_process(): raise ValueError('not here')",
    "ends": "import multiprocessing, os\nif multiprocessing.parent_process(): os._exit(7)",
}


@pytest.mark.parametrize("how", IN_CHILDREN_ALONE)
def test_web_processes_that_cannot_start_are_not_started_for_ever(deployment: Deployment, how: str) -> None:
    deployment.write("half_jobs", f"from tests.system.patient import nap\n{IN_CHILDREN_ALONE[how]}")
    [(code, said)] = deployment.refusals((TWO_WEB,), {"POLLABLE_JOBS": "half_jobs"})
    assert code == 1
    assert "web processes end as soon as they start" in said


def test_worker_processes_that_cannot_start_are_not_started_for_ever(deployment: Deployment) -> None:
    ends = "import os\nos.register_at_fork(after_in_child=lambda: os._exit(7))"
    deployment.write("half_jobs", f"from tests.system.patient import nap\n{ends}")
    [(code, said)] = deployment.refusals((WORKERS,), {"POLLABLE_JOBS": "half_jobs"})
    assert code == 1
    assert "worker processes end as soon as they start, the last with 7" in said


def test_no_log_of_a_running_process_has_the_password(tmp_path: Path) -> None:
    settings = {
        "REDIS_URL": f"redis://:{SECRET}@127.0.0.1:{free_port()}",
        "POLLABLE_JOBS": JOBS,
        "PORT": str(free_port()),
    }
    url = f"http://127.0.0.1:{settings['PORT']}"
    with ExitStack() as stack:
        web, worker = (
            stack.enter_context(
                running(command, url=url, log=tmp_path / name, settings={**settings, "POLLABLE_HOST": "127.0.0.1"})
            )
            for name, (command, _) in (("web", ONE_WEB), ("worker", WORKER))
        )
        until(lambda: listens(web))
        answer = web.http.get("/job_status?job_id=0190b0b0-0000-7000-8000-000000000000")
        assert answer.status_code == 503
        until(lambda: "Redis is away" in worker.log)
    assert SECRET not in answer.text + web.log + worker.log
