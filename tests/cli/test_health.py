"""`pollable worker --health PATH`: the file is touched while the worker is well, and not when it is stuck."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pollable.cli.health import TOUCH_S, Health
from pollable.errors import SettingsError
from pollable.model import State
from pollable.settings import Settings
from tests.worker.desk import Desk
from tests.worker.durable import DurableRedis
from tests.worker.staff import Staff, WorkerProcess, staff_of
from tests.worker.waiting import is_alive, until

EVERY_S = 5.0
"""As the documentation promises."""


@pytest.fixture
def staff(redis_url: str, tmp_path: Path) -> Iterator[Staff]:
    with staff_of(tmp_path, redis_url=redis_url, lease_s=2) as staff:
        yield staff


@pytest.fixture
def sign(tmp_path: Path) -> Path:
    return tmp_path / "well"


def age_s(sign: Path) -> float:
    return time.time() - sign.stat().st_mtime if sign.exists() else 1e9


def stays_fresh(sign: Path, *, for_s: float) -> None:
    until_at = time.monotonic() + for_s
    while time.monotonic() < until_at:
        assert age_s(sign) < EVERY_S
        time.sleep(0.1)


def gets_old(sign: Path) -> None:
    until(lambda: age_s(sign) > EVERY_S, within_s=20, what="the file growing old", every_s=0.1)


@pytest.mark.parametrize("arguments", [(), ("--simple",), ("--workers", "2")], ids=["forking", "simple", "crew"])
def test_it_is_touched_while_the_worker_is_idle_or_busy_and_gone_when_it_has_left(
    redis_url: str, staff: Staff, sign: Path, arguments: tuple[str, ...]
) -> None:
    worker = staff.hire("--health", str(sign), *arguments)
    until(lambda: age_s(sign) < EVERY_S, within_s=20, what="the file")
    with Desk(Settings(redis_url=redis_url)) as desk:
        job_id = desk.submit("nap", plan={"nap_s": EVERY_S + 1})
        staff.journal.started(job_id)
        stays_fresh(sign, for_s=EVERY_S)
        assert desk.ended(job_id).state is State.SUCCEEDED
    stays_fresh(sign, for_s=EVERY_S)
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=15) == 0
    assert not sign.exists()


def test_a_redis_that_is_away_is_no_reason(redis_program: Path, tmp_path: Path, sign: Path) -> None:
    durable = DurableRedis(redis_program)
    try:
        with staff_of(tmp_path, redis_url=durable.url, lease_s=2) as staff:
            worker = staff.hire("--health", str(sign))
            until(lambda: age_s(sign) < EVERY_S, within_s=20, what="the file")
            stays_fresh(sign, for_s=EVERY_S)
            durable.start()
            staff.until_listening(worker)
            durable.freeze()
            stays_fresh(sign, for_s=2 * EVERY_S)
            durable.kill()
            stays_fresh(sign, for_s=EVERY_S)
    finally:
        durable.close()


def test_it_is_not_touched_while_the_process_stands_still(staff: Staff, sign: Path) -> None:
    worker = staff.start("--health", str(sign))
    worker.send(signal.SIGSTOP)
    gets_old(sign)
    worker.send(signal.SIGCONT)
    until(lambda: age_s(sign) < EVERY_S, within_s=20, what="the file")
    worker.send(signal.SIGKILL)
    gets_old(sign)
    assert sign.exists()


def with_one_killed(staff: Staff, sign: Path, *, third: str = "") -> WorkerProcess:
    """A crew of two, one of which is killed and cannot be replaced."""
    crew = staff.hire("--workers", "2", "--health", str(sign), POLLABLE_JOBS="tests.worker.few", FEW_THIRD=third)
    until(lambda: len(staff.listening_pids()) == 2, within_s=20, what="two members listening")
    until(lambda: age_s(sign) < EVERY_S, within_s=20, what="the file")
    os.kill(min(staff.listening_pids()), signal.SIGKILL)
    return crew


def test_it_is_not_touched_while_a_member_of_the_crew_is_missing(staff: Staff, sign: Path) -> None:
    crew = with_one_killed(staff, sign)
    gets_old(sign)
    assert sign.exists()
    assert is_alive(crew.pid)
    assert len(staff.listening_pids()) == 1


def test_a_member_that_cannot_begin_does_not_take_it_along(staff: Staff, sign: Path) -> None:
    crew = with_one_killed(staff, sign, third="fails")
    until(lambda: "no third connection" in crew.log, within_s=20, what="a failing member")
    assert sign.exists()
    assert crew.exited(within_s=40) == 1
    assert not sign.exists()


@pytest.mark.parametrize("place", ["missing/well", "file/well"])
def test_a_place_that_cannot_be_written_stops_the_start(staff: Staff, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    worker = staff.hire("--health", str(tmp_path / place))
    assert worker.exited(within_s=20) == 2
    assert "--health names" in worker.log
    assert "Traceback" not in worker.log


def is_touched(sign: Path) -> bool:
    """Whether it is touched within two rounds."""
    os.utime(sign, (0, 0))
    until_at = time.monotonic() + 2 * TOUCH_S + 1
    while time.monotonic() < until_at:
        if age_s(sign) < EVERY_S:
            return True
        time.sleep(0.05)
    return False


def test_a_loop_that_does_not_go_round_is_stuck(sign: Path) -> None:
    health = Health(sign, size=2, silence_s=2.5)
    first, second = health.pulse(0), health.pulse(1)
    with health.shown():
        first(60)
        assert not is_touched(sign)
        second(60)
        assert is_touched(sign)
        second(0)
        time.sleep(2.6)
        assert not is_touched(sign)
        second(60)
        assert is_touched(sign)
        health.clear(0)
        assert not is_touched(sign)
    assert not sign.exists()


def test_without_a_path_there_is_no_file(tmp_path: Path) -> None:
    with Health(None, size=1).shown():
        assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_no_place_is_a_wrong_setting(tmp_path: Path) -> None:
    shown = Health(tmp_path / "a" / "b", size=1).shown()
    with pytest.raises(SettingsError, match=r"--health names .*, which cannot be touched"), shown:
        pass
