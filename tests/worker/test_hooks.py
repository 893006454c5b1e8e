"""`worker_init` and `horse_init`: what was opened at import is opened again after a fork."""

import json
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pollable import horse_init, worker_init
from pollable.errors import SettingsError
from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import ROOT, Staff
from tests.worker.waiting import until

OPENINGS = "tests.worker.openings"


def told(desk: Desk) -> dict[str, Any]:
    result = desk.ended(desk.submit("tell_openings")).result
    assert result is not None
    return dict(json.loads(result))


def test_each_worker_and_each_horse_opens_what_is_its_own(desk: Desk, staff: Staff) -> None:
    worker = staff.start(POLLABLE_JOBS=OPENINGS)
    first, second = told(desk), told(desk)
    assert first["import"] == first["worker"] == worker.pid
    assert second["worker"] == worker.pid
    for each in (first, second):
        assert each["horse"] == each["here"] != worker.pid
        assert each["rows"] == [each["here"]]
    assert worker.log.count("said by worker_init") == 1


def test_each_member_of_a_crew_opens_what_is_its_own(desk: Desk, staff: Staff, journal: Journal) -> None:
    crew = staff.hire("--workers", "2", POLLABLE_JOBS=OPENINGS)
    until(lambda: len(staff.listening_pids()) == 2, within_s=20, what="two members listening")
    found = told(desk)
    assert found["import"] == crew.pid
    assert found["worker"] == journal.entries("start")[0].parent_pid != crew.pid


def test_a_simple_worker_opens_once(desk: Desk, staff: Staff) -> None:
    worker = staff.start("--simple", POLLABLE_JOBS=OPENINGS)
    assert told(desk) == told(desk) == {"import": worker.pid, "worker": worker.pid, "here": worker.pid, "rows": []}
    assert worker.log.count("said by worker_init") == 1


def test_what_horse_init_raises_fails_the_attempt(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start(POLLABLE_JOBS=OPENINGS, OPENINGS_FAIL_AT="horse", POLLABLE_EXPOSE_ERRORS="true")
    job = desk.ended(desk.submit("tell_openings", max_attempts=2))
    assert job.error is not None
    assert (job.state, job.attempts, job.error.code) == (State.FAILED, 2, "exception")
    assert job.error.message == "The job failed: ConnectionError. no database at horse"
    assert not journal.entries("start")
    assert worker.exit_code is None


def test_the_next_attempt_may_open_what_could_not_be_opened(desk: Desk, staff: Staff) -> None:
    staff.start(POLLABLE_JOBS=OPENINGS, OPENINGS_FAIL_AT="first horse")
    job = desk.ended(desk.submit("tell_openings", max_attempts=2))
    assert (job.state, job.attempts) == (State.SUCCEEDED, 2)


@pytest.mark.parametrize("arguments", [(), ("--simple",)], ids=["forking", "simple"])
def test_what_worker_init_raises_ends_the_worker_in_one_line(staff: Staff, arguments: tuple[str, ...]) -> None:
    worker = staff.hire(*arguments, POLLABLE_JOBS=OPENINGS, OPENINGS_FAIL_AT="worker", POLLABLE_LOG_FORMAT="text")
    assert worker.exited(within_s=20) == 1
    (line,) = worker.log.splitlines()
    assert "@worker_init raised ConnectionError('no database at worker" in line
    assert not staff.listening_pids()


def test_a_crew_gives_up_where_worker_init_raises_every_time(staff: Staff) -> None:
    crew = staff.hire("--workers", "2", POLLABLE_JOBS=OPENINGS, OPENINGS_FAIL_AT="worker", POLLABLE_LOG_FORMAT="text")
    assert crew.exited(within_s=40) == 1
    assert crew.log.count("no more are started") == 1
    assert "Traceback" not in crew.log


def test_a_crew_ends_while_members_cannot_begin(staff: Staff) -> None:
    crew = staff.hire("--workers", "2", POLLABLE_JOBS=OPENINGS, OPENINGS_FAIL_AT="worker")
    until(lambda: "@worker_init raised" in crew.log, within_s=20, what="a member's end")
    crew.send(signal.SIGTERM)
    assert crew.exited(within_s=20) == 0


def test_the_example_of_the_guide_counts(desk: Desk, staff: Staff, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "getting-started.md").read_text()
    found = re.search(r"```python\n(# stock\.py\n.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "stock.py").write_text(found[1].replace("stock.db", str(tmp_path / "stock.db")))
    staff.start(POLLABLE_JOBS="stock", PYTHONPATH=f"{ROOT}:{tmp_path}")
    with sqlite3.connect(tmp_path / "stock.db") as database:
        database.execute("INSERT INTO stock VALUES ('nail', 12)")
    database.close()
    assert desk.ended(desk.submit("count_pieces", plan="nail")).result == b"12"


class Connects:
    def __call__(self) -> None: ...


async def connect_later() -> None: ...


def connect_to(name: str) -> None: ...


@pytest.mark.parametrize("hook", [worker_init, horse_init], ids=["worker_init", "horse_init"])
@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param(connect_to, id="with an argument"),
        pytest.param(connect_later, id="async"),
        pytest.param(Connects(), id="an object"),
        pytest.param(None, id="called without a function"),
    ],
)
def test_only_a_plain_function_without_arguments_is_taken(hook: Any, unfit: Any) -> None:
    with pytest.raises(SettingsError, match=r"@\w+_init is for a plain function without arguments"):
        hook(unfit)
