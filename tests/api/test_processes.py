"""One `Jobs` in many threads, and in processes that were forked after its first use."""

import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pollable import Jobs
from tests.api.faces import Faces
from tests.system.running import environment


def test_threads_share_one(faces: Faces) -> None:
    start = threading.Barrier(8)

    def submit(number: int) -> list[str]:
        start.wait()
        ids = []
        for turn in range(25):
            job = faces.jobs.submit("anything", [number, turn])
            assert faces.jobs.get(job.id).id == job.id
            ids.append(job.id)
        return ids

    with ThreadPoolExecutor(8) as pool:
        submitted = [job_id for ids in pool.map(submit, range(8)) for job_id in ids]
    assert len(set(submitted)) == 200
    assert {job.id for job in faces.jobs.list()} == set(submitted)


def submit_many(jobs: Jobs, tag: int) -> None:
    for turn in range(25):
        job = jobs.submit("anything", [tag, turn])
        assert jobs.get(job.id).id == job.id


def test_forked_processes_share_one_and_no_connection(faces: Faces) -> None:
    faces.jobs.submit("anything", 0)
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=submit_many, args=(faces.jobs, number)) for number in range(4)]
    for child in children:
        child.start()
    submit_many(faces.jobs, 9)
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    assert len({job.id for job in faces.jobs.list()}) == 126


FORKING = """
import os, sys, threading
from pollable import Jobs, Settings

# No thread may be refused: as fast as they are, they reach any limit.
settings = Settings(redis_url=sys.argv[1], jobs=(sys.argv[2],), owner_max_jobs=0, owner_max_bytes=0)
jobs = Jobs(settings)
over = threading.Event()

def go_on():
    while not over.is_set():
        jobs.submit("anything", 0)

threads = [threading.Thread(target=go_on) for _ in range(3)]
for thread in threads:
    thread.start()
codes = set()
for _ in range(10):
    child = os.fork()
    if child == 0:
        # As an RQ horse: no clean-up of what the parent has.
        try:
            jobs.submit("anything", 1)
            os._exit(0)
        finally:
            os._exit(1)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
for thread in threads:
    thread.join()
sys.exit(max(codes))
"""

JOBS = """
import time
from pollable import job_type

time.sleep({import_s})

@job_type
def anything(number: int) -> int:
    return number
"""


@pytest.mark.parametrize("import_s", [0, 0.02, 1])
def test_a_process_may_be_forked_while_other_threads_submit(redis_url: str, tmp_path: Path, import_s: float) -> None:
    """Also while one of them still loads the job types, which takes as long as the modules take."""
    (tmp_path / "jobs_to_load.py").write_text(JOBS.format(import_s=import_s))
    # In a process of its own: the tests' has threads that hold locks of theirs when it forks.
    # Python 3.12 and newer warn of just this.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, redis_url, "jobs_to_load"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
