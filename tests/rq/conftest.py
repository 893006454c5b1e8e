from collections.abc import Iterator
from pathlib import Path

import pytest

from pollable import catalog
from pollable.settings import Settings
from tests.jobs.workbench import Real, Workbench
from tests.rq.processes import LEASE_S


@pytest.fixture
def bench(redis_url: str) -> Iterator[Workbench]:
    """The web process' side, with the job types that the workers have."""
    settings = Settings(redis_url=redis_url, lease_s=LEASE_S, foreign_jobs="read")
    made = Workbench(Real(redis_url), settings)
    for each in catalog.load_job_types(["tests.rq.rqjobs"]):
        made.catalog.add(each)
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Where processes write; shown when the test fails."""
    path = tmp_path / "processes.log"
    yield path
    print(path.read_text(errors="replace") if path.exists() else "")
