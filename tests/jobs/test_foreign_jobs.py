"""Jobs that other code enqueued with plain RQ: read, never loaded, and never a reason to fail."""

import asyncio
import json
import logging
import pickle
import threading
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from rq import Queue
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.results import Result
from rq.serializers import DefaultSerializer, JSONSerializer

from pollable.errors import JobNotFound
from pollable.ids import new_id
from pollable.jobs import foreign_results
from pollable.jobs.pickled import as_json
from pollable.model import Failure, State
from pollable.serializer import JSON
from tests.jobs.workbench import OWNER, STRANGER, Workbench, never_called, with_settings

SERIALIZERS = {"pickle": DefaultSerializer, "json": JSONSerializer, "msgspec": JSON}
any_serializer = pytest.mark.parametrize("serializer", SERIALIZERS.values(), ids=SERIALIZERS.keys())
UNREADABLE = Failure(
    "result_unreadable",
    "The job finished, but its result cannot be read: it is not JSON. Its queue can be given RQ's JSON serializer; "
    "or POLLABLE_FOREIGN_JOBS=read-data reads pickled results that are plain data.",
)
LOADERS = ("load", "loads", "Unpickler", "_Unpickler", "_load", "_loads")


@pytest.fixture(autouse=True)
def _foreign_jobs_are_read(bench: Workbench) -> None:
    with_settings(bench, foreign_jobs="read")


def enqueue(bench: Workbench, serializer: Any = JSON, **options: Any) -> RQJob:
    queue = Queue("theirs", connection=bench.redis, serializer=serializer)
    job = queue.enqueue("reports.build", "a secret argument", **options)
    # Whatever a test makes of its status, the hash is not to outlive the test.
    bench.redis.expire(job.key, 600)
    return job


def finish(job: RQJob, result: Any) -> None:
    """As RQ's worker ends a job."""
    job.set_status(JobStatus.FINISHED)
    Result.create(job, Result.Type.SUCCESSFUL, ttl=500, return_value=result)
    job.connection.expire(job.key, 500)


def fail(job: RQJob, traceback: str) -> None:
    job.set_status(JobStatus.FAILED)
    Result.create_failure(job, ttl=500, exc_string=traceback)
    job.connection.expire(job.key, 500)


@any_serializer
def test_an_enqueued_job_reads_queued_whatever_its_serializer(bench: Workbench, serializer: Any) -> None:
    theirs = enqueue(bench, serializer)
    job = bench.read(theirs.id)
    assert (job.id, job.state, job.rq_status, job.queue) == (theirs.id, State.QUEUED, "queued", "theirs")
    assert (job.type, job.owner, job.result, job.error) == ("reports.build", "", None, None)
    assert abs(job.created_at / 1000 - theirs.created_at.timestamp()) < 0.002


@pytest.mark.parametrize("status", list(JobStatus), ids=lambda status: str(status.value))
def test_every_status_of_rq_is_read(bench: Workbench, status: JobStatus) -> None:
    theirs = enqueue(bench)
    theirs.set_status(status)
    job = bench.read(theirs.id)
    assert job.rq_status == status.value
    assert job.state.is_final == (status.value in {"finished", "failed", "stopped", "canceled"})
    assert (job.error is not None) == (status is JobStatus.FAILED)


@pytest.mark.parametrize("serializer", [JSONSerializer, JSON], ids=["json", "msgspec"])
@pytest.mark.parametrize("result", [{"é": [1, 2.5, None, True]}, [], 0, False, "", {"deep": [[[[1]]]]}], ids=repr)
def test_a_json_result_is_read(bench: Workbench, serializer: Any, result: Any) -> None:
    theirs = enqueue(bench, serializer)
    finish(theirs, result)
    job = bench.read(theirs.id)
    assert (job.state, job.progress, job.error) == (State.SUCCEEDED, 100, None)
    assert job.result is not None
    assert json.loads(job.result) == result


@any_serializer
def test_a_result_of_none_is_null(bench: Workbench, serializer: Any) -> None:
    theirs = enqueue(bench, serializer)
    finish(theirs, None)
    job = bench.read(theirs.id)
    assert (job.state, job.result, job.error) == (State.SUCCEEDED, b"null", None)


@pytest.mark.parametrize("result", [{"a": 1}, "text", 42, [1]], ids=repr)
def test_a_pickled_result_is_unreadable(bench: Workbench, result: Any) -> None:
    theirs = enqueue(bench, DefaultSerializer)
    finish(theirs, result)
    job = bench.read(theirs.id)
    assert (job.state, job.result, job.error) == (State.SUCCEEDED, None, UNREADABLE)


class Bomb:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("mode", ["off", "read", "read-data"])
def test_a_pickle_is_never_loaded(bench: Workbench, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_settings(bench, foreign_jobs=mode)
    mark = tmp_path / "it ran"
    bomb = pickle.dumps(Bomb(mark))
    theirs = enqueue(bench, DefaultSerializer)
    finish(theirs, None)
    bench.redis.xadd(f"rq:results:{theirs.id}", {"type": 1, "return_value": b64encode(bomb)})
    bench.redis.hset(theirs.key, mapping={"data": zlib.compress(bomb), "result": bomb, "meta": bomb, "exc_info": bomb})
    with monkeypatch.context() as patch:
        for name in LOADERS:
            patch.setattr(pickle, name, never_called)
        patch.setattr(DefaultSerializer, "loads", never_called)
        for status in (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STARTED):
            bench.redis.hset(theirs.key, "status", status.value)
            if mode == "off":
                with pytest.raises(JobNotFound):
                    bench.read(theirs.id)
            else:
                assert bench.read(theirs.id).rq_status == status.value
    assert not mark.exists()
    pickle.loads(bomb)
    assert mark.exists(), "the bomb was a dud"


def test_what_a_pickle_names_is_told(bench: Workbench, tmp_path: Path) -> None:
    with_settings(bench, foreign_jobs="read-data")
    theirs = enqueue(bench, DefaultSerializer)
    finish(theirs, Bomb(tmp_path))
    error = bench.read(theirs.id).error
    assert error is not None
    assert error.code == "result_unreadable"
    assert "cannot be read: it names pathlib." in error.message


def test_the_arguments_in_a_description_are_not_shown(bench: Workbench) -> None:
    theirs = enqueue(bench)
    assert "secret" in theirs.get_call_string()  # type: ignore[operator]
    assert "secret" not in repr(bench.read(theirs.id))


def test_times_and_the_time_to_live_are_read(bench: Workbench) -> None:
    theirs = enqueue(bench)
    theirs.prepare_for_execution("worker-7", pipeline=bench.redis.pipeline())
    bench.redis.hset(theirs.key, mapping={"started_at": "2026-01-02T03:04:05.678901Z"})
    bench.redis.hset(theirs.key, mapping={"ended_at": "2026-01-02T03:04:07.000000Z"})
    finish(theirs, 1)
    job = bench.read(theirs.id)
    assert (job.started_at, job.ended_at, job.attempts) == (1_767_323_045_678, 1_767_323_047_000, 1)
    assert job.expires_at is not None
    assert job.expires_at > job.created_at


def test_off_hides_them(bench: Workbench) -> None:
    with_settings(bench, foreign_jobs="off")
    theirs = enqueue(bench)
    with pytest.raises(JobNotFound):
        bench.read(theirs.id)


@pytest.mark.parametrize("verb", [Workbench.cancel, Workbench.rerun, Workbench.delete])
def test_they_can_be_read_and_no_more(bench: Workbench, verb: Any) -> None:
    theirs = enqueue(bench)
    before = bench.snapshot()
    with pytest.raises(JobNotFound):
        verb(bench, theirs.id)
    assert bench.snapshot() == before


def test_our_own_jobs_are_not_shown_to_a_stranger_as_if_they_were_other_codes(bench: Workbench) -> None:
    job = bench.submit()
    with pytest.raises(JobNotFound):
        bench.read(job.id, owner=STRANGER)


def test_an_unknown_status_reads_queued_and_is_logged_once(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    theirs = enqueue(bench)
    word = f"paused-{new_id()}"
    bench.redis.hset(theirs.key, "status", word)
    with caplog.at_level(logging.WARNING, "pollable.store"):
        jobs = [bench.read(theirs.id) for _ in range(3)]
    assert {(job.state, job.rq_status) for job in jobs} == {(State.QUEUED, word)}
    assert sum(word in record.getMessage() for record in caplog.records) == 1


DAMAGE: dict[str, dict[Any, Any]] = {
    "no status": {"status": ""},
    "no time": {"created_at": "", "enqueued_at": "", "started_at": ""},
    "time is text": {"created_at": "yesterday", "started_at": "x", "ended_at": "2026-13-45T99:99:99Z"},
    "time is a number": {"created_at": "1767323045", "ended_at": "9" * 400},
    "time of year 1": {"created_at": "0001-01-01T00:00:00", "started_at": "0001-01-01T00:00:00+23:59"},
    "time of year 9999": {"created_at": "9999-12-31T23:59:59", "ended_at": "9999-12-31T23:59:59-23:59"},
    "time is not UTF-8": {"created_at": b"\xff\xfe", "last_heartbeat": b"\x80"},
    "description is not UTF-8": {"description": b"\xff\xfe("},
    "description is a book": {"description": "a" * 100_000},
    "description is empty": {"description": ""},
    "meta is rubbish": {"meta": b"\xff{"},
    "meta is too deep": {"meta": b"[" * 100_000},
    "retries are rubbish": {"retries_left": "many", "retry_intervals": "{", "number_of_retries": "-1"},
    "retries are huge": {"retries_left": "9" * 5000, "retry_intervals": "[1e999]", "started_at": "2026-01-02T03:04:05"},
    "data is rubbish": {"data": b"\x00\x01"},
    "traceback is not compressed": {"status": "failed", "exc_info": b"\xff plain"},
    "traceback is cut off": {"status": "failed", "exc_info": zlib.compress(b"x" * 1000)[:10]},
    "result is not JSON": {"status": "finished", "result": b"{"},
    "result is not UTF-8": {"status": "finished", "result": b'"\xff"'},
    "result is too deep": {"status": "finished", "result": b"[" * 100_000},
}


@pytest.mark.parametrize("fields", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_hash_is_read_as_far_as_it_goes(bench: Workbench, fields: dict[Any, Any]) -> None:
    theirs = enqueue(bench)
    bench.redis.hset(theirs.key, mapping=fields)
    assert bench.read(theirs.id).id == theirs.id


@pytest.mark.parametrize(
    "outcome",
    [
        {"type": "1"},
        {"type": "1", "return_value": "%%%"},
        {"type": "1", "return_value": "A"},
        {"x": "y"},
        {"type": "9"},
    ],
    ids=["no value", "not base64", "cut off", "another shape", "unknown type"],
)
def test_a_damaged_result_is_read_as_far_as_it_goes(bench: Workbench, outcome: dict[str, str]) -> None:
    theirs = enqueue(bench)
    theirs.set_status(JobStatus.FINISHED)
    bench.redis.xadd(f"rq:results:{theirs.id}", outcome)  # type: ignore[arg-type]
    bench.redis.expire(f"rq:results:{theirs.id}", 600)
    assert bench.read(theirs.id).state is State.SUCCEEDED


def test_a_heartbeat_that_came_after_the_hash_was_gone_is_no_job(bench: Workbench) -> None:
    job_id = new_id()
    bench.redis.hset(f"rq:job:{job_id}", "last_heartbeat", "2026-01-02T03:04:05.678901Z")
    with pytest.raises(JobNotFound):
        bench.read(job_id)
    bench.redis.delete(f"rq:job:{job_id}")


def test_a_long_pickle_is_read_beside_everything_else_one_at_a_time(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_settings(bench, foreign_jobs="read-data")
    theirs, mine = enqueue(bench, DefaultSerializer), bench.submit()
    finish(theirs, ["a long text"] * 20_000)
    has_begun, may_go_on, at_work = threading.Event(), threading.Event(), []

    def held(data: bytes, *, most_bytes: int) -> bytes:
        at_work.append(threading.get_ident())
        has_begun.set()
        assert may_go_on.wait(20)
        return as_json(data, most_bytes=most_bytes)

    monkeypatch.setattr(foreign_results, "as_json", held)

    async def all_at_once() -> list[Any]:
        long = [asyncio.create_task(bench.store.read(theirs.id, owner=OWNER)) for _ in range(3)]
        await asyncio.to_thread(has_begun.wait, 20)
        short = [await bench.store.read(mine.id, owner=OWNER) for _ in range(3)]
        began = len(at_work)
        may_go_on.set()
        return [began, short, await asyncio.gather(*long)]

    began, short, long = bench.run(all_at_once())
    assert (began, short) == (1, [mine] * 3)
    assert {len(json.loads(job.result)) for job in long} == {20_000}
    assert threading.get_ident() not in at_work
