"""`--jobs-per-process`: one process runs several jobs, and only the one that runs is at risk."""

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from pollable.__main__ import commands
from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import ROOT, Staff
from tests.worker.waiting import is_alive, until

LASTING = "tests.worker.lasting"
MANY = ("--jobs-per-process", "100")


def ran_in(desk: Desk, job_id: str) -> int:
    """The process in which it succeeded."""
    job = desk.ended(job_id)
    assert job.state is State.SUCCEEDED, job
    return int(json.loads(job.result or b""))


def test_a_process_runs_so_many_jobs_and_no_more(desk: Desk, steady_staff: Staff) -> None:
    steady_staff.start("--jobs-per-process", "3")
    pids = [ran_in(desk, desk.submit("nap")) for _ in range(7)]
    assert pids == [pids[0]] * 3 + [pids[3]] * 3 + [pids[6]]
    assert len(set(pids)) == 3


@pytest.mark.parametrize("attempts", [1, 2])
def test_only_the_current_job_of_a_killed_process_is_at_risk(
    desk: Desk, steady_staff: Staff, journal: Journal, attempts: int
) -> None:
    steady_staff.start(*MANY, POLLABLE_JOBS=LASTING)
    before = [json.loads(desk.ended(desk.submit("find")).result or b"") for _ in range(2)]
    third = desk.submit("nap_on", plan={"nap_s": 60}, max_attempts=attempts)
    horse = journal.started(third).pid
    assert [each["pid"] for each in before] == [horse, horse]
    os.kill(horse, signal.SIGKILL)
    job = desk.ended(third)
    if attempts == 1:
        assert job.error is not None
        assert (job.state, job.error.code) == (State.FAILED, "killed")
    else:
        assert (job.state, job.attempts) == (State.SUCCEEDED, 2)
    assert json.loads(desk.ended(desk.submit("find")).result or b"")["pid"] != horse


def test_after_whatever_did_not_succeed_the_next_job_has_a_fresh_process(
    desk: Desk, steady_staff: Staff, journal: Journal
) -> None:
    steady_staff.start(*MANY, POLLABLE_JOBS=f"{LASTING},tests.worker.acts")
    pids = [ran_in(desk, desk.submit("nap"))]
    late = desk.submit("nap", plan={"nap_s": 60}, timeout_s=1)
    assert (desk.ended(late).error or pytest.fail("no error")).code == "timeout"
    pids.append(ran_in(desk, desk.submit("nap")))
    assert (desk.ended(desk.submit("refuse")).error or pytest.fail("no error")).code == "refused"
    pids.append(ran_in(desk, desk.submit("nap")))
    stopped = desk.submit("nap", plan={"nap_s": 60})
    assert journal.started(stopped).pid == pids[-1]
    desk.cancel(stopped)
    assert desk.ended(stopped).state is State.CANCELLED
    pids.append(ran_in(desk, desk.submit("nap")))
    assert (desk.ended(desk.submit("end_badly", plan={"what": "exit_0"})).error or pytest.fail("none")).code == "killed"
    pids.append(ran_in(desk, desk.submit("nap")))
    assert len(set(pids)) == len(pids)
    assert journal.started(late).pid == pids[0]


def test_what_a_job_leaves_in_its_process_meets_the_next_one_but_for_its_children(
    desk: Desk, steady_staff: Staff
) -> None:
    steady_staff.start(*MANY, POLLABLE_JOBS=LASTING)
    left = json.loads(desk.ended(desk.submit("leave")).result or b"")
    found = json.loads(desk.ended(desk.submit("find")).result or b"")
    assert found.pop("random")
    job, variable = found.pop("job")
    assert job == variable
    assert found == {
        "pid": left["pid"],
        "thread": True,
        "directory": "/",
        "variable": "behind",
        "begun": [left["pid"]],
    }
    until(lambda: not is_alive(left["program"]), within_s=5, what="the end of what the job started")
    assert not _children_of(left["pid"]), "what ended was not waited for"


def test_a_process_that_has_grown_too_large_is_replaced(desk: Desk, steady_staff: Staff) -> None:
    steady_staff.start(*MANY, "--max-memory-mb", "150", POLLABLE_JOBS=LASTING)
    pids = [ran_in(desk, desk.submit("grow")) for _ in range(5)]
    # Two times 60 MB and an interpreter.
    assert len(set(pids)) == 3
    assert pids[0] == pids[1]


def test_sigterm_lets_the_job_of_a_lasting_process_end(desk: Desk, steady_staff: Staff, journal: Journal) -> None:
    worker = steady_staff.start(*MANY)
    ran_in(desk, desk.submit("nap"))
    job_id = desk.submit("nap", plan={"nap_s": 1.5})
    horse = journal.started(job_id).pid
    worker.send_group(signal.SIGTERM)
    os.kill(horse, signal.SIGTERM)
    assert worker.exited(within_s=10) == 0
    assert desk.ended(job_id).state is State.SUCCEEDED
    until(lambda: not is_alive(horse), within_s=1, what="the end of the horse")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--simple", "--jobs-per-process", "2"], "leave --jobs-per-process out"),
        (["--max-memory-mb", "200"], "set --jobs-per-process"),
        (["--simple", "--max-memory-mb", "200"], "set --jobs-per-process"),
        (["--jobs-per-process", "0"], "x>=1"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("POLLABLE_JOBS", LASTING)
    done = CliRunner().invoke(commands, ["worker", *arguments])
    assert (done.exit_code, said in done.output) == (2, True), done.output


def _children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
