"""The normalized job, as a value."""

import operator

import msgspec

from pollable.model import Job, State

JOB = Job(id="a", type="t", state=State.QUEUED, rq_status="queued", queue="q", created_at=5, read_at=6)


def test_a_job_that_did_not_change_is_equal_whenever_it_was_read() -> None:
    later = msgspec.structs.replace(JOB, read_at=9_000)
    assert later == JOB
    # Struct has its own answer to this one.
    assert operator.ne(later, JOB) is False


def test_a_job_that_changed_is_another() -> None:
    for change in ({"state": State.RUNNING}, {"progress": 1}, {"updated_at": 7}, {"id": "b"}):
        assert msgspec.structs.replace(JOB, **change) != JOB
    assert JOB != "a"
