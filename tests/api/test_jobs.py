"""Jobs from one's own Python, from submit to result, beside the same jobs over HTTP."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import redis

from pollable import AsyncJobs, Job, Jobs
from pollable.errors import InvalidPayload, JobNotFound, SettingsError, UnknownJobType, WrongState
from pollable.model import State
from pollable.settings import Settings
from tests.api.faces import Faces
from tests.http.calling import Text, catalog_of, job_type
from tests.system.running import environment

FIT = {"text": "What is new?"}


class Report(msgspec.Struct):
    pages: int


@dataclass
class Plain:
    text: str


def test_a_job_goes_from_submit_to_result(faces: Faces) -> None:
    job = faces.jobs.submit("generate_assessment", FIT, labels={"course": "biology"})
    assert (job.state, job.queue, job.labels, job.result) == (State.QUEUED, "pollable", {"course": "biology"}, None)
    assert abs(job.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert not job.is_final
    faces.http.succeed(job.id, b'{"pages":4}')
    ended = faces.jobs.wait(job.id, timeout=5)
    assert ended.is_final
    assert ended == faces.jobs.get(job.id)
    assert (ended.state, ended.result, ended.result_as(Report)) == ("succeeded", {"pages": 4}, Report(4))
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert ended.expires_at is not None
    assert job.created_at <= ended.started_at <= ended.ended_at < ended.expires_at


@pytest.mark.parametrize(
    "payload", [FIT, Text("What is new?"), Plain("What is new?"), msgspec.Raw(b'{"text":"What is new?"}')]
)
def test_a_payload_is_whatever_becomes_json(faces: Faces, payload: object) -> None:
    job = faces.jobs.submit("generate_assessment", payload)
    assert msgspec.json.decode(faces.http.start(job.id).payload)["text"] == FIT["text"]


@pytest.mark.parametrize("payload", [object(), {"when": lambda: 1}, {1j}], ids=["object", "function", "complex"])
def test_what_does_not_become_json_is_a_type_error(faces: Faces, payload: object) -> None:
    with pytest.raises(TypeError):
        faces.jobs.submit("anything", payload)


def test_a_type_is_named_by_its_function_too(settings: Settings) -> None:
    def double(number: int) -> int:
        return 2 * number

    declared = msgspec.structs.replace(job_type("double", payload_type=int), function=double)
    jobs = Jobs(settings, catalog=catalog_of(declared))
    assert jobs.submit(double, 4).type == "double"
    with pytest.raises(InvalidPayload, match=r"at \$\.payload"):
        jobs.submit(double, "four")
    with pytest.raises(UnknownJobType, match="print is no job type"):
        jobs.submit(print, 4)


def test_an_option_that_there_is_not_is_named(faces: Faces) -> None:
    with pytest.raises(TypeError, match="A submit has no priority; it may have queue, delay"):
        faces.jobs.submit("anything", 1, priority=3)  # type: ignore[call-arg] # what is tested


def test_a_delayed_job_says_when_it_is_due(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 1, delay=90, queue="pollable-low")
    assert job.state is State.SCHEDULED
    assert job.run_at == job.created_at + timedelta(seconds=90)
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    assert faces.jobs.submit("anything", 1, run_at=due).run_at == due
    assert faces.jobs.submit("anything", 1).run_at is None


def test_a_failed_job_is_waited_for_and_says_why(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 1)
    faces.http.fail(job.id, "too_long", "The text is too long.")
    ended = faces.jobs.wait(job.id)
    assert (ended.state, ended.result) == (State.FAILED, None)
    assert ended.error is not None
    assert (ended.error.code, ended.error.message) == ("too_long", "The text is too long.")
    with pytest.raises(WrongState, match="The text is too long"):
        ended.result_as(Report)


def test_a_job_that_goes_on_is_given_up_after_the_timeout(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 1)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=f"Job {job.id} is queued after 0.2 s, and goes on"):
        faces.jobs.wait(job.id, timeout=0.2)
    assert 0.2 <= time.monotonic() - began < 1


def test_a_job_that_ends_while_it_is_waited_for_is_seen_soon(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 1)
    timer = threading.Timer(0.3, faces.http.succeed, [job.id])
    timer.start()
    began = time.monotonic()
    assert faces.jobs.wait(job.id, timeout=20).state is State.SUCCEEDED
    assert time.monotonic() - began < 1.5
    timer.join()


def test_a_job_is_cancelled_and_run_again(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 7, owner="alice")
    assert faces.jobs.cancel(job.id).state is State.CANCELLED
    again = faces.jobs.rerun(job.id, idempotency_key="again")
    assert (again.original_id, again.owner, again.state) == (job.id, job.owner, State.QUEUED)
    assert faces.jobs.rerun(job.id, idempotency_key="again").id == again.id
    assert faces.http.start(again.id).payload == b"7"


def test_a_list_is_read_page_by_page_and_narrowed(faces: Faces) -> None:
    plain = [faces.jobs.submit("anything", number).id for number in range(120)]
    named = faces.jobs.submit("generate_assessment", FIT, labels={"course": "biology"}).id
    faces.http.succeed(plain[0])
    assert [job.id for job in faces.jobs.list()] == [named, *reversed(plain)]
    assert [job.id for job in faces.jobs.list(type="generate_assessment")] == [named]
    assert [job.id for job in faces.jobs.list(labels={"course": "biology"})] == [named]
    assert [job.id for job in faces.jobs.list(status=["succeeded", "failed"])] == [plain[0]]
    assert list(faces.jobs.list(owner="alice")) == []
    listed = faces.jobs.list()
    next(listed)
    calls = faces.http.redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    next(listed)
    assert faces.http.redis.info("commandstats")["cmdstat_evalsha"]["calls"] == calls


def test_of_many_owners_each_sees_their_own(faces: Faces) -> None:
    job = faces.jobs.submit("anything", 1, owner="alice")
    assert faces.jobs.get(job.id).id == faces.jobs.get(job.id, owner="alice").id == job.id
    for ask in (faces.jobs.get, faces.jobs.cancel, faces.jobs.rerun, faces.jobs.wait):
        with pytest.raises(JobNotFound):
            ask(job.id, owner="bob")
    assert [each.id for each in faces.jobs.list(owner="alice")] == [job.id]
    assert list(faces.jobs.list(owner="bob")) == list(faces.jobs.list()) == []


def test_jobs_are_awaited_alike(faces: Faces) -> None:
    async def all_of_it() -> Job:
        async with AsyncJobs(settings, catalog=faces.catalog) as jobs:
            first, second = await asyncio.gather(*(jobs.submit("anything", number) for number in (1, 2)))
            assert {each.id async for each in jobs.list()} == {first.id, second.id}
            assert (await jobs.cancel(first.id)).state is State.CANCELLED
            again = await jobs.rerun(first.id)
            await asyncio.to_thread(faces.http.succeed, second.id, b"4")
            assert (await jobs.get(again.id)).original_id == first.id
            with pytest.raises(TimeoutError):
                await jobs.wait(again.id, timeout=0.1)
            return await jobs.wait(second.id, timeout=5)

    settings = faces.settings
    assert asyncio.run(all_of_it()).result == 4


def test_each_event_loop_has_connections_of_its_own(faces: Faces) -> None:
    jobs = AsyncJobs(faces.settings, catalog=faces.catalog)

    async def submit(number: int) -> None:
        await jobs.submit("anything", number)
        if number:
            # On another thread, in another loop, while this one has its connections.
            await asyncio.to_thread(asyncio.run, submit(number - 1))
            await jobs.submit("anything", number)
        await jobs.aclose()

    asyncio.run(submit(2))
    asyncio.run(submit(0))
    assert len(list(faces.jobs.list())) == 6


def test_the_blocking_face_works_inside_an_event_loop(faces: Faces) -> None:
    async def view() -> str:
        return faces.jobs.submit("anything", 1).id

    assert faces.jobs.get(asyncio.run(view())).state is State.QUEUED


def test_a_client_that_is_given_is_used_and_left_open(faces: Faces, redis_client: redis.Redis) -> None:
    # Where its settings lead there is nothing.
    settings = Settings(redis_url="redis://127.0.0.1:1")
    with Jobs(settings, catalog=faces.catalog, redis=redis_client) as jobs:
        job = jobs.submit("anything", 1)
    assert redis_client.exists(f"rq:pollable:job:{job.id}")

    async def awaited() -> Job:
        async with redis.asyncio.Redis.from_url(faces.settings.redis_url) as client:
            async with AsyncJobs(settings, catalog=faces.catalog, redis=client) as jobs:
                await jobs.submit("anything", 2)
            return await jobs.get(job.id)

    assert asyncio.run(awaited()).id == job.id


def test_a_client_that_answers_texts_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="without decode_responses"):
        Jobs(settings, redis=redis.Redis.from_url(settings.redis_url, decode_responses=True))
    with pytest.raises(ValueError, match="without decode_responses"):
        AsyncJobs(settings, redis=redis.asyncio.Redis.from_url(settings.redis_url, decode_responses=True))


SCRIPT = """
import os, sys
from pollable import Jobs
jobs = Jobs.from_environment()
assert "crontypes" not in sys.modules
job = jobs.submit("double", 4, owner="alice")
print(job.id, "starlette" in sys.modules, "jwt" in sys.modules)
"""
TYPES = "from pollable import job_type\n\n\n@job_type\ndef double(number: int) -> int:\n    return 2 * number\n"


def test_a_script_works_by_the_environment_and_loads_no_web_framework(
    faces: Faces, tmp_path: Any, redis_url: str
) -> None:
    (tmp_path / "crontypes.py").write_text(TYPES)
    (tmp_path / "cron.py").write_text(SCRIPT)
    variables = environment(REDIS_URL=redis_url, POLLABLE_JOBS="crontypes")
    told = subprocess.run(
        [sys.executable, "cron.py"], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    job_id, *loaded = told.stdout.split()
    assert loaded == ["False", "False"]
    assert faces.jobs.get(job_id, owner="alice").type == "double"


def test_a_module_of_job_types_that_cannot_be_imported_is_named_at_the_first_submit(settings: Settings) -> None:
    jobs = Jobs(msgspec.structs.replace(settings, jobs=("no_such_module",)))
    with pytest.raises(SettingsError, match="POLLABLE_JOBS names 'no_such_module'"):
        jobs.submit("double", 4)


@pytest.fixture
def away(faces: Faces) -> Iterator[Jobs]:
    made = Jobs(msgspec.structs.replace(faces.settings, redis_url="redis://127.0.0.1:1"), catalog=faces.catalog)
    yield made
    made.close()


def test_a_wait_goes_on_while_redis_is_away(away: Jobs) -> None:
    with pytest.raises(TimeoutError, match="cannot be read after") as given_up:
        away.wait("00000000-0000-0000-0000-000000000000", timeout=0.3)
    assert type(given_up.value.__cause__).__name__ == "StoreUnavailable"
