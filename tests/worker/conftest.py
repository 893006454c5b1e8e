"""Workers, and a caller who watches every job from its submission to the end of the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pollable.settings import Settings
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff, staff_of

LEASE_S = 2.0
"""A third of the default, to lose less time in waiting for one to run out."""


@pytest.fixture
def desk(redis_url: str) -> Iterator[Desk]:
    with Desk(Settings(redis_url=redis_url, lease_s=LEASE_S)) as desk:
        yield desk
    assert desk.violations == []


@pytest.fixture
def staff(redis_url: str, tmp_path: Path) -> Iterator[Staff]:
    with staff_of(tmp_path, redis_url=redis_url, lease_s=LEASE_S) as staff:
        yield staff


@pytest.fixture
def steady_staff(staff: Staff) -> Iterator[Staff]:
    """No worker of it may fail and start again, which takes a second and would hide much."""
    yield staff
    assert "starts again" not in "".join(worker.log for worker in staff.workers)


@pytest.fixture
def journal(staff: Staff) -> Journal:
    return staff.journal
