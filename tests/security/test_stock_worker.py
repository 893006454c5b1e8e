"""`rq worker` runs whatever a hash names; with the option that docs/existing-rq.md gives it runs jobs of ours alone."""

import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue
from rq.job import Job

from pollable.serializer import JSON
from pollable.settings import Settings
from tests.rq.processes import running
from tests.system.running import ROOT, until
from tests.worker.desk import Desk

OPTION = "--job-class pollable.worker.job.Job"
FORGED = "os.system"
COMMAND = [sys.executable, "-m", "rq.cli", "worker", "pollable", "--serializer", "pollable.serializer.JSON", "--burst"]


def forged(client: redis.Redis, witness: Path) -> str:
    """A hash that names what touches a file; the id under which it waits."""
    queue = Queue("pollable", connection=client, serializer=JSON)
    return str(queue.enqueue(FORGED, f"touch {witness}", result_ttl=60, failure_ttl=60, ttl=600).id)


@pytest.mark.parametrize("is_confined", [True, False], ids=["confined", "stock"])
def test_a_forged_hash_that_names_os_system(
    redis_url: str, redis_client: redis.Redis, tmp_path: Path, is_confined: bool
) -> None:
    witness = tmp_path / "touched"
    job_id = forged(redis_client, witness)
    command = [*COMMAND, "--url", redis_url, *(OPTION.split() if is_confined else [])]
    with running(redis_url, command, tmp_path / "log", POLLABLE_JOBS="tests.rq.rqjobs") as worker:
        until(lambda: worker.poll() is not None, within_s=30)
    log = (tmp_path / "log").read_text()
    # The control: without the option it is run.
    assert witness.exists() == (not is_confined), log
    status: Any = Job.fetch(job_id, connection=redis_client, serializer=JSON).get_status()
    assert status.value == ("failed" if is_confined else "finished"), log
    if is_confined:
        assert "ForbiddenFunction: Only pollable.execution.run may run here, not os.system." in log


def test_jobs_of_ours_run_and_are_tried_again_with_the_option(redis_url: str, tmp_path: Path) -> None:
    with Desk(Settings(redis_url=redis_url)) as desk:
        job_id = desk.submit("double", plan={"number": 4})
        tried = desk.submit("fragile", max_attempts=2, failure_ttl_s=60)
        command = [*COMMAND, "--url", redis_url, *OPTION.split()]
        with running(redis_url, command, tmp_path / "log", POLLABLE_JOBS="tests.rq.rqjobs"):
            ended, failed = desk.ended(job_id, within_s=30), desk.ended(tried, within_s=30)
    assert ended.result is not None, (tmp_path / "log").read_text()
    assert b'"doubled":8' in ended.result
    assert (failed.state.value, failed.attempts) == ("failed", 2)


def test_the_document_gives_the_option() -> None:
    assert f"`{OPTION}`" in (ROOT / "docs" / "existing-rq.md").read_text()
