"""Workers and callers of a Redis that answers, and says no."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pollable.settings import Settings
from tests.saying_no import ContraryRedis
from tests.servers import programs
from tests.worker.desk import Desk
from tests.worker.staff import Staff, WorkerProcess, staff_of
from tests.worker.waiting import until

LEASE_S = 2.0
WRITES_REFUSED = ("MISCONF", "NOREPLICAS", "OOM", "READONLY")


def refusals(wanted: Sequence[str]) -> pytest.MarkDecorator:
    """Each from the server that was found; from another only what older ones word otherwise."""
    first, *others = sorted(programs())
    cases = [(first, no) for no in wanted] + [
        (other, no) for other in others for no in wanted if no in ("OOM", "READONLY")
    ]
    return pytest.mark.parametrize(("contrary", "no"), cases, indirect=["contrary"], ids=map("-".join, cases))


@pytest.fixture
def contrary(request: pytest.FixtureRequest) -> Iterator[ContraryRedis]:
    server = ContraryRedis(programs()[getattr(request, "param", min(programs()))])
    yield server
    server.close()


@pytest.fixture
def staff(contrary: ContraryRedis, tmp_path: Path) -> Iterator[Staff]:
    with staff_of(tmp_path, redis_url=contrary.url, lease_s=LEASE_S) as staff:
        yield staff


@pytest.fixture
def desk(contrary: ContraryRedis) -> Iterator[Desk]:
    with Desk(Settings(redis_url=contrary.url, lease_s=LEASE_S)) as desk:
        desk.reap()
        yield desk
    assert desk.violations == []


def pass_by(seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    until(lambda: time.monotonic() > ends_at, within_s=seconds + 20, what="the time over")


def quiet(*workers: WorkerProcess) -> None:
    """One line a minute of what goes on, and no traceback."""
    for worker in workers:
        assert worker.exit_code is None
        assert "Traceback" not in worker.log, worker.log
        assert worker.log.count("Redis says no") <= 2, worker.log
